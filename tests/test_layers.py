"""The direction of imports: doors and commands → store, importing → the pure core; read from the files."""

import ast
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "drengr"
FILES = sorted(path for path in PACKAGE.rglob("*.py"))

# What the core may not touch: the machine, the clock, the network, other threads.
IMPURE = {
    "os", "io", "pathlib", "shutil", "tempfile", "glob", "subprocess", "socket", "selectors", "ssl", "http", "urllib",
    "time", "threading", "queue", "multiprocessing", "asyncio", "signal", "fcntl", "logging", "sqlite3",
}  # fmt: skip
# The only ways from one room of the house to another; whoever is not named here may import nothing of drengr.
MAY_IMPORT = {
    "drengr": {"api", "page"},
    "events": {"events"},
    "files": {"files", "events"},
    "sources": {"sources", "events"},
    "admin": {"admin", "events"},
    "people": {"people", "admin", "events"},
    "keys": set(),
    "log": set(),
    "current_folder": set(),
    "config": {"events"},
    "checks": {"config", "store", "events", "drengr"},
    "importing": {"files", "sources", "events"},
    "exporting": {"admin", "files", "events"},
    "answering": {"store", "people", "admin", "events"},
    "store": {"store", "people", "admin", "events", "keys", "log"},
    "api": {
        "api", "answering", "store", "importing", "exporting", "config", "log", "keys", "people", "admin", "files",
        "sources", "events", "drengr",
    },
    "page": {
        "page", "api", "answering", "store", "importing", "exporting", "config", "log", "keys", "people", "admin",
        "files", "sources", "events", "checks", "drengr",
    },
    "serving": {"serving", "current_folder", "page", "api", "store", "config", "log", "drengr"},
    "cli": {
        "cli", "serving", "answering", "store", "importing", "exporting", "config", "log", "keys", "people", "admin",
        "files", "sources", "events", "checks", "drengr", "current_folder",
    },
}
# The core: bytes, rows and times in, values out. It may be read, tested and believed without a machine around it.
CORE = {"events", "files", "sources", "admin", "people", "keys", "importing", "exporting"}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The folder or file below drengr that a module is or lies in: "store" for drengr.store.sqlite.read."""
    parts = module.split(".")
    return "cli" if parts[1:] == ["__main__"] else parts[1] if len(parts) > 1 else "drengr"


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports_of(path: Path) -> set[str]:
    """Full names of the modules that a file imports: `from drengr.api import gate` is drengr.api.gate."""
    found = set()
    for node in ast.walk(tree_of(path)):
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


def files_of(*rooms: str) -> list[Path]:
    return [path for path in FILES if room_of(module_of(path)) in rooms]


def files_outside(*rooms: str) -> list[Path]:
    return [path for path in FILES if room_of(module_of(path)) not in rooms]


def tops_of(path: Path) -> set[str]:
    return {top(module) for module in imports_of(path)}


def names(paths: Iterable[Path]) -> list[str]:
    return [module_of(path) for path in paths]


def test_the_list_of_rooms_is_the_list_of_folders_and_files():
    assert {room_of(module_of(path)) for path in FILES} == set(MAY_IMPORT)
    assert set(MAY_IMPORT) > CORE


def test_a_file_imports_only_from_the_rooms_below_it():
    for path in FILES:
        room = room_of(module_of(path))
        ours = {module: room_of(module) for module in imports_of(path) if top(module) == "drengr"}
        above = {module: to for module, to in ours.items() if to not in MAY_IMPORT[room] and to != room}
        assert above == {}, module_of(path)


def test_the_core_imports_the_standard_library_orjson_and_itself_but_nothing_of_the_machine():
    for path in files_of(*CORE):
        tops = tops_of(path) - {"drengr", "orjson"}
        assert tops <= sys.stdlib_module_names and tops & IMPURE == set(), module_of(path)


def test_the_core_has_no_clock():
    for path in files_of(*CORE):
        nodes = list(ast.walk(tree_of(path)))
        asked = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        called = {node.id for node in nodes if isinstance(node, ast.Name)}
        assert asked & {"now", "utcnow", "today", "environ", "getenv"} == set(), module_of(path)
        assert called & {"open", "print", "input"} == set(), module_of(path)


def test_only_the_store_knows_sql():
    sql = {"sqlite3", "peewee", "playhouse", "psycopg"}
    assert names(path for path in files_outside("store") if tops_of(path) & sql) == []


def test_outside_the_store_nobody_knows_which_store_it_is():
    below = ("drengr.store.sqlite", "drengr.store.postgresql")
    assert [(module_of(path), module) for path in files_outside("store") for module in imports_of(path)
            if module.startswith(below)] == []  # fmt: skip


def test_only_the_doors_and_the_page_know_flask():
    brought = {"flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous"}
    assert names(path for path in files_outside("api", "page") if tops_of(path) & brought) == []


def test_only_what_starts_the_service_knows_gunicorn():
    assert names(path for path in files_outside("serving") if "gunicorn" in tops_of(path)) == []


def test_what_runs_the_service_needs_no_other_library():
    listed = {line.split("#")[0].strip() for line in (PACKAGE.parent / "requirements.txt").read_text().splitlines()}
    ours = {"".join(c for c in line if c.isalpha() or c == " ").split()[0] for line in listed if line}
    assert ours == {"flask", "gunicorn", "peewee", "orjson"}
    brought = {"click", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "playhouse"}  # by flask and peewee
    extra = [path for path in FILES if "postgresql" in path.parts]  # its psycopg is an extra
    used = {top(module) for path in FILES if path not in extra for module in imports_of(path)}
    assert used - sys.stdlib_module_names - {"drengr"} <= ours | brought


VAGUE = ("utils", "helper", "manager", "process_", "handle_", "misc")


def test_no_file_has_a_name_that_says_nothing():
    assert [path.name for path in FILES if path.stem in ("utils", "helpers", "common", "misc", "data")] == []


def test_no_function_has_a_name_that_says_nothing():
    allowed = {"handle_request", "handle_error"}  # gunicorn's own
    for path in FILES:
        functions = {node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)}
        assert {name for name in functions for word in VAGUE if word in name} - allowed == set(), module_of(path)
