"""Fixtures that only the commands' tests need."""

import pytest
from click.testing import CliRunner

from drengr.cli import main


@pytest.fixture
def drengr(tmp_path):
    """drengr("project", "list") → click's result, on a file of its own."""
    runner = CliRunner(env={"DRENGR_DATABASE": str(tmp_path / "events.db")})
    return lambda *words, **env: runner.invoke(main, words, env=env)
