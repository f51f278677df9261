"""Through PgBouncer in transaction mode, where each transaction may have another session: contract 13."""

import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from drengr.admin.questions import CountQuery, PageQuery, Position
from drengr.people.questions import FunnelQuery, PeopleQuery
from drengr.store import Added, open_store
from drengr.store.postgresql.removal import remove
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS
from tests.service import free_port

_BINARY = shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))


@pytest.fixture
def bouncer(cluster, url):
    """The database's URL by way of a PgBouncer with three server connections."""
    if _BINARY is None:
        sentence = "PgBouncer is missing (Debian: apt-get install pgbouncer)."
        pytest.fail(sentence) if os.environ.get("CI") else pytest.skip(sentence)
    name, port = url.rpartition("/")[2], free_port()
    settings = cluster.folder / f"{name}.ini"
    settings.write_text(
        f"[databases]\n{name} = host={cluster.folder} port={cluster.port} dbname={name} user=owner\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 3\n"
    )
    settings.chmod(0o644)
    user = "postgres" if os.getuid() == 0 else None
    with subprocess.Popen(
        [_BINARY, str(settings)], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while True:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.02)
        yield f"postgresql://somebody@127.0.0.1:{port}/{name}"
        process.terminate()


def test_many_threads_write_and_read_and_every_number_comes_out(bouncer):
    with closing(open_store(bouncer)) as store, closing(open_store(bouncer)) as another:
        store.make_project("shop")

        def work(number: int) -> Added:
            each = (store, another)[number % 2]
            added = each.add(1, [event(event_id=f"{number}-{n}", event_name=f"e{n}") for n in range(9)], metered=True)
            assert each.page(1, PageQuery(0, Position(2**62, 0), 5))
            assert each.funnel(1, FunnelQuery(NOW_MS - DAY_MS, NOW_MS, ("e0", "e8"), DAY_MS)) == [1, 1]
            return added

        with ThreadPoolExecutor(12) as pool:
            assert list(pool.map(work, range(60))) == [Added(9, 0)] * 60
        assert store.count(1, CountQuery(NOW_MS - DAY_MS, NOW_MS)).total == 540
        assert store.wrong_totals() == []
        store.prove_writable()
        ids = [row[0] for row in store.database.read("SELECT id FROM semantic_events")]
        assert store.database.run(lambda connection: remove(connection, ids[:100], "deleted")) == 100
        assert store.wrong_totals() == [] and store.people(1, PeopleQuery(5))[0].events == 440
        place = store.last_id()
        another.add_history(1, [event()])
        assert len(store.arrivals(1, place, PageQuery(0, Position(0, 0), 5)).events) == 1
