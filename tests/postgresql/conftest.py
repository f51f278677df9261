"""A PostgreSQL store of a test's own."""

import pytest

from drengr.store import open_store
from tests.cluster import Cluster, require_postgresql


@pytest.fixture
def url(cluster) -> str:
    """libpq's URL of a new database."""
    return cluster.url(cluster.make_database())


@pytest.fixture
def open_another(url):
    """open_another() → one more store on the same database, as another process has it."""
    opened = []

    def another(**options):
        opened.append(open_store(url, **options))
        return opened[-1]

    yield another
    for store in opened:
        store.close()


@pytest.fixture
def store(open_another):
    return open_another()


@pytest.fixture
def project(store):
    store.make_project("shop")
    return store.find_project("shop")


@pytest.fixture
def durable():
    """A server on loopback, with a password, that keeps what it acknowledged; for whoever harms it."""
    from tests.service import free_port

    require_postgresql()
    with Cluster(port=free_port(), auth="scram-sha-256") as started:
        yield started
