"""The alerts of docs/prometheus-alerts.yml fire when they should, by Prometheus's own tool: contract 11."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service import Service

RULES = Path(__file__).parents[1] / "docs" / "prometheus-alerts.yml"

if not shutil.which("promtool"):
    if os.environ.get("CI"):
        pytest.fail("CI needs promtool (Debian's package prometheus).")
    pytest.skip("This machine has no promtool (Debian's package prometheus).", allow_module_level=True)

# alert: (series, its values a minute with which it fires, when, values with which it does not)
FIRING = {
    "DrengrNoEvents": ('drengr_last_event_timestamp_seconds{project="p",door="acceptor"}', "0x100", "90m", "0+60x100"),
    "DrengrRefusals": ('drengr_requests_refused_total{door="acceptor",reason="quota"}', "0+20x100", "30m", "5x100"),
    "DrengrDiskFills": ('drengr_disk_free_bytes{instance="a"}', "900000000x100", "30m", "90000000000x100"),
    "DrengrBackupOld": ('drengr_backup_last_success_timestamp_seconds{instance="a"}', "0x2000", "27h", "0+60x2000"),
    "DrengrCommitsSlow": (
        'drengr_commit_duration_seconds_bucket{instance="a",le="0.5"}', "0+1x100", "30m", "0+100x100",
    ),
}  # fmt: skip
COMMITS = [f'drengr_commit_duration_seconds_bucket{{instance="a",le="{bound}"}}' for bound in ("1", "+Inf")]


def promtool(*words: object, **more) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False, **more)


def test_every_alert_has_its_series_here():
    assert set(FIRING) == {line.split(": ")[1] for line in RULES.read_text().splitlines() if "- alert: " in line}


@pytest.mark.parametrize("fires", [True, False], ids=["fires", "is silent"])
@pytest.mark.parametrize("alert", FIRING)
def test_an_alert_fires_when_it_should_and_only_then(alert, fires, tmp_path):
    series, bad, at, good = FIRING[alert]
    more = COMMITS if alert == "DrengrCommitsSlow" else []
    others = [f"      - {{series: '{each}', values: '0+100x100'}}" for each in more]
    test = tmp_path / "test.yml"
    test.write_text("\n".join([
        f"rule_files: ['{RULES}']",
        "tests:",
        "  - interval: 1m",
        "    input_series:",
        f"      - {{series: '{series}', values: '{bad if fires else good}'}}",
        *others,
        "    promql_expr_test:",
        f"      - expr: count(ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}) or vector(0)",
        f"        eval_time: {at}",
        f"        exp_samples: [{{labels: '{{}}', value: {int(fires)}}}]",
    ]))  # fmt: skip
    found = promtool("test", "rules", test)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_rules_are_rules_and_the_service_speaks_prometheus(tmp_path):
    assert promtool("check", "rules", RULES).returncode == 0
    with Service(tmp_path / "events.db", DRENGR_METRICS_TOKEN="t") as service:
        curl = ["curl", "-fs", "-H", "Authorization: Bearer t", service.url + "/metrics"]
        text = subprocess.run(curl, capture_output=True, text=True, check=True).stdout
    found = promtool("check", "metrics", input=text)
    assert found.returncode == 0, found.stdout + found.stderr
