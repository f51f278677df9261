"""What is built from the tree runs wherever it is installed: contract 7."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

# One worker of xdist builds for all of them.
pytestmark = pytest.mark.xdist_group("wheel")

ROOT = Path(__file__).parents[1]
SCHEMA = "drengr/store/sqlite/schema.sql"


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder with a wheel and an sdist of this tree, the wheel built from the sdist."""
    if int(version("setuptools").split(".")[0]) < 71:
        message = "setuptools of this environment builds no wheel: pip install -e '.[dev]'"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    tree = tmp_path_factory.mktemp("tree") / "drengr"
    left_out = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "tests", "build", "*.db*")
    shutil.copytree(ROOT, tree, ignore=left_out)
    out = tmp_path_factory.mktemp("built")
    backend = "import sys, setuptools.build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    run("-c", backend, "build_sdist", str(out), cwd=tree)
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    (unpacked,) = (path for path in out.iterdir() if path.is_dir())
    run("-c", backend, "build_wheel", str(out), cwd=unpacked)
    return out


def test_the_wheel_has_every_package_the_schema_and_what_the_page_is_made_of(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        assert wheel.read(SCHEMA) == (ROOT / "schema.sql").read_bytes()
    package = ROOT / "drengr"
    wanted = [*package.rglob("*.py"), *package.glob("page/templates/*"), *package.glob("page/static/*")]
    assert {str(path.relative_to(ROOT)) for path in wanted} <= names


def test_a_wheel_outside_a_virtual_environment_makes_a_database(built, tmp_path):
    """`pip install --user`, `--target` and Debian's pip: schema.sql was looked for below sys.prefix."""
    target = tmp_path / "target"
    wheel = next(built.glob("*.whl"))
    run("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(target), str(wheel), cwd=tmp_path)
    where = {"PYTHONPATH": str(target), "DRENGR_DATABASE": str(tmp_path / "events.db")}
    assert run("-c", "import drengr; print(drengr.__file__)", cwd=tmp_path, **where).startswith(str(target))
    assert "secret_key" in run("-m", "drengr", "project", "create", "shop", cwd=tmp_path, **where)


def test_the_tree_has_one_schema():
    assert list(ROOT.joinpath("drengr").rglob("schema*.sql")) == []
