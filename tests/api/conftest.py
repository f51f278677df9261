"""Fixtures that only the doors' tests need."""

from types import SimpleNamespace

import pytest

from drengr.api import build_app
from drengr.api.service import EXTENSION
from tests.admin import Admin
from tests.conftest import Clock


@pytest.fixture
def admin(client, tenant) -> Admin:
    """The admin door of the project."""
    return Admin(client, tenant.project_id, tenant.secret_key)


@pytest.fixture(scope="session")
def empty(make_location) -> Admin:
    """The admin door of a project that stays empty: for requests that are refused or find nothing."""
    app = build_app({"DRENGR_DATABASE": make_location()}, now_ms=Clock())
    store = app.extensions[EXTENSION].store
    made = store.make_project("empty")
    yield Admin(app.test_client(), made.project_id, made.secret_key)
    store.close()


@pytest.fixture(scope="session")
def door(make_location) -> SimpleNamespace:
    """One application for all tests that do not look at its rows: client, publishable_key, secret_key, project_id."""
    location = make_location()
    app = build_app({"DRENGR_DATABASE": location}, now_ms=Clock())
    store = app.extensions[EXTENSION].store
    yield SimpleNamespace(
        client=app.test_client(), app=app, store=store, location=location, **store.make_project("shop")._asdict()
    )
    store.close()
