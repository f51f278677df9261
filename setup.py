"""Puts schema.sql, which lies at the top of the tree where people look for it, into the installed package as well."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithSchema(build_py):
    """The package with a copy of schema.sql; an editable install reads the one of the checkout."""

    def run(self) -> None:
        """Build."""
        super().run()
        if not self.editable_mode:
            self.copy_file("schema.sql", str(Path(self.build_lib, "drengr", "store", "sqlite", "schema.sql")))


setup(cmdclass={"build_py": BuildWithSchema})
