"""What all tests stand on: an application on a real database, a clock that can be set, a project with its keys.

Tests marked both_stores run on an SQLite file and in PostgreSQL; of those, the ones marked sqlite on the file only.
"""

import itertools
import os
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings

from drengr import create_app
from drengr.api import make_service
from drengr.api.service import EXTENSION
from drengr.store import Store, open_store
from tests.cluster import FAST, Cluster, is_emptied, require_postgresql
from tests.looking import events_in

# No proof hangs on the pace of the machine, and a run here fails when one elsewhere does: each tries the same examples.
# To look for new ones: --hypothesis-profile=random
settings.register_profile("random", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("random"), derandomize=True, database=None)
settings.load_profile("same")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background of a script: commands inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where this is set, as in many images, every service and command of the tests would compile all their code anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

NOW_MS = 1_795_190_400_000  # 2026-11-20T16:00:00Z

_DATA = Path(__file__).with_name("data")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two a core for `-n auto`: a good part of the tests waits for services, killed and started again."""
    return 2 * len(os.sched_getaffinity(0))


def shared_data(*parts: str) -> Path:
    """A file of recorded material: captured requests, vendors' export rows."""
    return _DATA.joinpath(*parts)


class Clock:
    """The only fake: the time, epoch ms UTC."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> dict[str, str]:
    """Settings beside the database's path; a test module overrides this fixture to change them."""
    return {}


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests of kills and backups at random moments go on."""
    parser.addoption("--soak", action="store_true", help="50 kills of an erasure, 30 of an import, 100 backups")


@pytest.fixture(scope="session")
def is_soak(request) -> bool:
    return request.config.getoption("--soak")


def pytest_generate_tests(metafunc) -> None:
    """Both stores for what is marked so."""
    marked = metafunc.definition.get_closest_marker
    if "backend" in metafunc.fixturenames and marked("both_stores") and not marked("sqlite"):
        metafunc.parametrize("backend", ["sqlite", "postgresql"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def backend(request) -> str:
    """Which store the test runs on."""
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL server that forgets everything when its machine dies: nothing here pulls that plug."""
    require_postgresql()
    turns = itertools.count()  # a slot each: by chance two hold the same one, and the one waits for the other
    with (
        Cluster(*FAST) as started,
        patch("drengr.store.postgresql.connections.randbelow", lambda slots: next(turns) % slots),
    ):
        yield started


@pytest.fixture(scope="session")
def make_location(backend, request, tmp_path_factory):
    """make_location() → DRENGR_DATABASE of a database that is not there yet, or has nothing in it."""

    def make() -> str:
        if backend == "sqlite":
            return str(tmp_path_factory.mktemp("database") / "events.db")
        started = request.getfixturevalue("cluster")
        return started.url(started.make_database())

    return make


@pytest.fixture(scope="session")
def emptied(make_location):
    """One database for many tests: emptied() → its location, with nothing in it any more."""
    known = []

    def empty() -> str:
        if not (known and is_emptied(known[0])):
            known[:] = [make_location()]
        return known[0]

    return empty


@pytest.fixture
def location(backend, database_path, request) -> str:
    """DRENGR_DATABASE of this test: a file of its own, or a PostgreSQL database with nothing in it."""
    return str(database_path) if backend == "sqlite" else request.getfixturevalue("emptied")()


@pytest.fixture(scope="session")
def applications():
    """Applications by the settings that choose their routes, which take far longer to make than a test takes."""
    return {}


@pytest.fixture(scope="session")
def new_file(tmp_path_factory) -> Path:
    """A file as it is after a first start, to be copied: that is four times as fast as making one."""
    path = tmp_path_factory.mktemp("new") / "events.db"
    open_store(str(path)).close()
    return path


@pytest.fixture
def app(location, settings, clock, tmp_path, applications, new_file):
    """The application on a new database, with a clock that the test sets; all but its routes is this test's own."""
    if "://" not in location and not Path(location).exists():
        shutil.copy(new_file, location)
    config = {"DRENGR_DATABASE": location, "DRENGR_FOLDER": str(tmp_path), **settings}
    routes = settings.get("DRENGR_UI"), settings.get("DRENGR_PROXIES")
    if routes in applications:
        built = applications[routes]
        built.extensions[EXTENSION] = make_service(config, clock)
    else:
        built = applications[routes] = create_app(config, now_ms=clock)
    service = built.extensions[EXTENSION]
    yield built
    service.outcomes.close()
    service.store.close()


@pytest.fixture
def store(app) -> Store:
    return app.extensions[EXTENSION].store


@pytest.fixture
def put(store, tenant):
    """put(*events) → what became of them in the project."""
    return lambda *events: store.add(tenant.project.id, list(events))


@pytest.fixture
def soon(monkeypatch) -> None:
    """PostgreSQL looks once more half a minute after a removal began; one test waits for that, not every one."""
    monkeypatch.setattr("drengr.store.postgresql.erasing.PostgresqlParts.settles_ms", 1)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def make_tenant(store):
    """make_tenant("name") → project (id, uuid, name), publishable_key, secret_key."""

    def make(name: str) -> SimpleNamespace:
        made = store.make_project(name)
        return SimpleNamespace(
            project=store.find_project(name),
            project_id=made.project_id,
            publishable_key=made.publishable_key,
            secret_key=made.secret_key,
            bearer={"Authorization": f"Bearer {made.secret_key}"},
        )

    return make


@pytest.fixture
def tenant(make_tenant):
    return make_tenant("shop")


@pytest.fixture
def rows(store, location):
    """rows("WHERE …") → what a person sees in the view `events`, as dicts, oldest first."""
    return lambda tail="", *parameters: events_in(location, f"{tail} ORDER BY id", *parameters)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Packed bytes hold the time they were packed at: a test named by them is another in each of xdist's workers."""
    return argname if isinstance(val, bytes) and not val.isascii() else None
