"""Stands in for psycopg where it is not installed, as for most people: peewee imports it where it is, 0.1 s a start."""

raise ImportError("this process runs as if psycopg were not installed")
