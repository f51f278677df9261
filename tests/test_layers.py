"""The direction of imports: doors and commands → settings, quota, store → the pure core; read from the files."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "drengr"
FILES = sorted(path for path in PACKAGE.rglob("*.py"))

# The core: bytes, rows and times in, values out. It may be read, tested and believed without a machine around it.
CORE = {
    "drengr.admin_event", "drengr.admin_query", "drengr.csvrows", "drengr.event", "drengr.files", "drengr.importing",
    "drengr.jsontext", "drengr.keys", "drengr.properties", "drengr.rows", "drengr.sources", "drengr.timeparse",
    "drengr.zips",
}  # fmt: skip
# What the core may not touch: the machine, the clock, the network, other threads.
IMPURE = {
    "os", "io", "pathlib", "shutil", "tempfile", "glob", "subprocess", "socket", "selectors", "ssl", "http", "urllib",
    "time", "threading", "queue", "multiprocessing", "asyncio", "signal", "fcntl", "logging", "sqlite3",
}  # fmt: skip
# The only ways from one room of the house to another; whoever is not named here may import nothing of drengr.
MAY_IMPORT = {
    "core": {"core"},
    "notes": set(),
    "config": {"core"},
    "store": {"store", "core"},
    "quota": {"store", "core", "notes"},
    "api": {"api", "store", "quota", "config", "core", "notes", "version"},
    "cli": {"cli", "store", "config", "core", "version", "serve"},
    "serve": {"store", "config", "core", "notes", "version", "api"},
    "version": {"api"},
}
ROOMS = {
    "drengr": "version",
    "drengr.__main__": "cli",
    "drengr.config": "config",
    "drengr.quota": "quota",
    "drengr.arrivals": "notes",  # when each request came
    "drengr.sparing_log": "notes",
    "drengr.serve": "serve",
    "drengr.worker": "serve",
    "drengr.gunicorn_settings": "serve",
}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    if module in ROOMS:
        return ROOMS[module]
    if module in CORE or module.startswith("drengr.sources."):
        return "core"
    for room in ("api", "cli", "store"):
        if module == f"drengr.{room}" or module.startswith(f"drengr.{room}."):
            return room
    raise LookupError(f"{module} belongs to no room: say in ROOMS or CORE which")


def imports_of(path: Path) -> set[str]:
    """Full names of the modules that a file imports: `from drengr.api import gate` is drengr.api.gate."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            for alias in node.names:
                submodule = PACKAGE.parent.joinpath(*node.module.split("."), alias.name)
                is_module = submodule.is_dir() or submodule.with_suffix(".py").exists()
                found.add(f"{node.module}.{alias.name}" if is_module else node.module)
    return found


def top(module: str) -> str:
    return module.partition(".")[0]


def files_of(room: str) -> list[Path]:
    return [path for path in FILES if room_of(module_of(path)) == room]


def files_outside(room: str) -> list[Path]:
    return [path for path in FILES if room_of(module_of(path)) != room]


def named(paths: list[Path]) -> dict:
    return {"argvalues": paths, "ids": [module_of(path) for path in paths]}


def test_every_module_of_the_core_exists():
    assert {module_of(path) for path in FILES} >= CORE | set(ROOMS)


@pytest.mark.parametrize("path", **named(FILES))
def test_a_file_imports_only_from_the_rooms_below_it(path):
    room = room_of(module_of(path))
    ours = {module: room_of(module) for module in imports_of(path) if top(module) == "drengr"}
    assert {module: to for module, to in ours.items() if to not in MAY_IMPORT[room] and to != room} == {}


@pytest.mark.parametrize("path", **named(files_of("core")))
def test_the_core_imports_the_standard_library_orjson_and_itself_but_nothing_of_the_machine(path):
    tops = {top(module) for module in imports_of(path)} - {"drengr", "orjson"}
    assert tops <= sys.stdlib_module_names
    assert tops & IMPURE == set()


@pytest.mark.parametrize("path", **named(files_of("core")))
def test_the_core_has_no_clock(path):
    tree = ast.parse(path.read_text())
    asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert asked & {"now", "utcnow", "today", "environ", "getenv"} == set()
    assert not any(isinstance(node, ast.Name) and node.id in ("open", "print", "input") for node in ast.walk(tree))


@pytest.mark.parametrize("path", **named(files_outside("store")))
def test_only_the_store_knows_sql(path):
    assert {top(module) for module in imports_of(path)} & {"sqlite3", "peewee", "playhouse"} == set()


@pytest.mark.parametrize("path", **named(files_outside("api")))
def test_only_the_doors_know_flask(path):
    assert {top(module) for module in imports_of(path)} & {"flask", "werkzeug"} == set()


@pytest.mark.parametrize("path", **named(files_outside("serve")))
def test_only_what_starts_the_service_knows_gunicorn(path):
    assert "gunicorn" not in {top(module) for module in imports_of(path)}


def test_what_runs_the_service_needs_no_other_library():
    listed = {line.split("#")[0].strip() for line in (PACKAGE.parent / "requirements.txt").read_text().splitlines()}
    names = {"".join(c for c in line if c.isalpha() or c == " ").split()[0] for line in listed if line}
    assert names == {"flask", "gunicorn", "peewee", "orjson"}
    brought = {"click", "werkzeug", "playhouse"}  # by flask and peewee
    used = {top(module) for path in FILES for module in imports_of(path)}
    assert used - sys.stdlib_module_names - {"drengr"} <= names | brought


VAGUE = ("utils", "helper", "manager", "process_", "handle_", "misc")


def test_no_file_has_a_name_that_says_nothing():
    assert [path.name for path in FILES if path.stem in ("utils", "helpers", "common", "misc", "data")] == []


@pytest.mark.parametrize("path", **named(FILES))
def test_no_function_has_a_name_that_says_nothing(path):
    allowed = {"handle_request"}  # gunicorn's own
    functions = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
    vague = {name for name in functions for word in VAGUE if word in name} - allowed
    assert vague == set()
