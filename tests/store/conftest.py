"""Fixtures that only the store's tests need."""

import pytest


@pytest.fixture
def project(tenant) -> int:
    """The number of the project."""
    return tenant.project.id
