"""ruff and mypy have no complaint; pyproject.toml says what they look for."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def complaints(*command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout


def test_ruff_has_no_complaint():
    assert complaints("ruff", "check", "--quiet", "--output-format=concise", ".") == ""


def test_mypy_has_no_complaint():
    found = complaints("mypy")
    assert found.startswith("Success"), found


def test_no_statement_counts_its_parameters():
    """`?1` with a tuple is a DeprecationWarning from Python 3.12 on: a parameter that is used twice gets a name."""
    files = [*ROOT.glob("drengr/store/**/*.py"), ROOT / "schema.sql"]
    assert not [str(path) for path in files if re.search(r"\?\d", path.read_text())]
