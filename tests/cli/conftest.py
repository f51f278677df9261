"""Fixtures that only the commands' tests need."""

import pytest
from click.testing import CliRunner

from drengr.cli import main


@pytest.fixture
def drengr(location, tmp_path):
    """drengr("project", "list") → click's result, on a database of its own."""
    runner = CliRunner(env={"DRENGR_DATABASE": location, "DRENGR_FOLDER": str(tmp_path)})
    return lambda *words, **env: runner.invoke(main, words, env=env)
