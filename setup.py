"""Puts the schemas, which lie at the top of the tree where people look for them, into the installed package too."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SCHEMAS = {"schema.sql": "sqlite", "schema_postgresql.sql": "postgresql"}


class BuildWithSchema(build_py):
    """The package with copies of the schemas; an editable install reads those of the checkout."""

    def run(self) -> None:
        """Build."""
        super().run()
        if not self.editable_mode:
            for schema, store in SCHEMAS.items():
                self.copy_file(schema, str(Path(self.build_lib, "drengr", "store", store, schema)))


setup(cmdclass={"build_py": BuildWithSchema})
