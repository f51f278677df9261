"""What lies in the current folder is never imported (contract 7): data lies there, and must not become code."""

import os
import sys
from contextlib import suppress


def never_import() -> None:
    """Take the current folder off the import path, where `python -m` and gunicorn put it first.

    Two things in it are still found, after everything else: Drengr itself, when it runs from there without being
    installed, and the app.py that `gunicorn app:app` asks for.
    """
    with suppress(OSError):  # a folder that is no more
        here = os.path.realpath(os.getcwd())
        others = [entry for entry in sys.path if os.path.realpath(entry or here) != here]
        if len(others) == len(sys.path):
            return
        ours = os.path.realpath(os.path.dirname(os.path.dirname(__file__)))
        sys.path[:] = [*others, here] if here == ours else others
        _find_only_app(os.path.join(here, "app.py"))


def _find_only_app(path: str) -> None:
    from importlib.util import spec_from_file_location  # not before the path is clean

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> object:
            return spec_from_file_location(name, path) if name == "app" and os.path.exists(path) else None

    sys.meta_path.append(Finder)  # type: ignore[arg-type]
