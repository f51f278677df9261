"""What all tests stand on: an application on a real file, a clock that can be set, a project with its keys."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from drengr.api import build_app
from drengr.api.service import EXTENSION
from drengr.store.sqlite import SqliteStore

NOW_MS = 1_795_190_400_000  # 2026-11-20T16:00:00Z

_DATA = Path(__file__).with_name("data")


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


@pytest.fixture
def app(database_path, settings, clock):
    built = build_app({"DRENGR_DATABASE": str(database_path), **settings}, now_ms=clock)
    yield built
    built.extensions[EXTENSION].outcomes.close()
    built.extensions[EXTENSION].store.close()


@pytest.fixture
def store(app) -> SqliteStore:
    return app.extensions[EXTENSION].store


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
def rows(store):
    """rows("WHERE …") → what a person sees in the view `events`, as dicts, oldest first."""

    def read(tail: str = "", *parameters) -> list[dict]:
        cursor = store.database.reading_connection().execute(f"SELECT * FROM events {tail} ORDER BY id", parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    return read


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Packed bytes hold the time they were packed at: a test named by them is another in each of xdist's workers."""
    return argname if isinstance(val, bytes) and not val.isascii() else None
