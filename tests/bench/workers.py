"""Which workers and threads? Every set-up on one and two cores, with a quick and a slow disk, naked and behind nginx.

    python -m tests.bench.workers [--quick]

The slow disk is a preloaded library that adds 5 ms to every flush (needs cc); the proxy needs nginx. What is missing is
left out and said.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.measure import Report
from tests.bench.served import Served, free_port

HERE = Path(__file__).parent
SET_UPS = {
    "1 worker, 8 threads": {"WEB_CONCURRENCY": "1", "DRENGR_THREADS": "8"},
    "1 worker, 128 threads": {"WEB_CONCURRENCY": "1", "DRENGR_THREADS": "128"},
    "2 workers, 128 threads": {"WEB_CONCURRENCY": "2", "DRENGR_THREADS": "128"},
    "2 workers, sync": {"WEB_CONCURRENCY": "2", "GUNICORN_CMD_ARGS": "--worker-class sync --threads 1"},
}
CLIENTS = 32

_NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream service {{ server 127.0.0.1:{service}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


class Proxy:
    """nginx in front of a service, buffering as it does by default."""

    def __init__(self, folder: str, service_port: int) -> None:
        self.port = free_port()
        settings = Path(folder, f"nginx-{self.port}.conf")
        settings.write_text(_NGINX.format(folder=folder, service=service_port, port=self.port))
        self.process = subprocess.Popen(["nginx", "-c", str(settings)], stderr=subprocess.DEVNULL)
        time.sleep(0.5)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


def slow_flush_library(folder: str) -> str | None:
    """The path of the compiled library, or None without a compiler."""
    if not shutil.which("cc"):
        return None
    built = os.path.join(folder, "slow_flush.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", built, str(HERE / "slow_flush.c"), "-ldl"], check=True)
    return built


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Print one table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="one round instead of three")
    rounds = 1 if options.parse_args(argv).quick else 3
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        slow = slow_flush_library(folder)
        disks = {"quick disk": {}} | ({"5 ms a flush": {"LD_PRELOAD": slow}} if slow else {})
        if not slow:
            report.say("No C compiler: the slow disk is left out.")
        if not shutil.which("nginx"):
            report.say("No nginx: the proxy is left out.")
        report.say(f"1 event a request, {CLIENTS} clients: req/s · p99 ms, median of {rounds}")
        for cores in ("0", "0,1"):
            for disk, environment in disks.items():
                _rows(report, folder, cores, disk, environment, rounds)
    return report.close()


def _rows(report: Report, folder: str, cores: str, disk: str, environment: dict[str, str], rounds: int) -> None:
    for label, settings in SET_UPS.items():
        with Served(folder, cores=cores, **settings, **environment) as service:
            naked = [service.load(CLIENTS, 1) for _ in range(rounds + 1)][1:]
            line = f"{len(cores.split(','))} core(s) · {disk:12} · {label:22} · naked {_figures(naked)}"
            if shutil.which("nginx"):
                proxy = Proxy(folder, service.port)
                line += (
                    f" · behind nginx {_figures([service.load(CLIENTS, 1, port=proxy.port) for _ in range(rounds)])}"
                )
                proxy.stop()
        report.say(line)


def _figures(results: list[dict]) -> str:
    rate = statistics.median(result["requests_per_s"] for result in results)
    tail = statistics.median(result["p99_ms"] or 0 for result in results)
    refused = sum(count for result in results for code, count in result["codes"].items() if code != "200")
    return f"{rate:6.0f} · {tail:6.1f}" + (f" ({refused} answered 503)" if refused else "")


if __name__ == "__main__":
    raise SystemExit(main())
