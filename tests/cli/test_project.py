"""`drengr project …` and what every command has in common: contract 7."""

import json
import re
import sqlite3
from contextlib import closing
from uuid import UUID

import click
import pytest

from drengr.cli import main
from drengr.store import open_store

pytestmark = pytest.mark.both_stores


def commands(group: click.Group, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [words]
    for name, command in group.commands.items():
        below = (*words, name)
        found += commands(command, below) if isinstance(command, click.Group) else [below]
    return found


@pytest.mark.parametrize("words", commands(main), ids=" ".join)
def test_every_command_has_help(drengr, words, tmp_path):
    result = drengr(*words, "--help")
    assert result.exit_code == 0 and result.output.startswith("Usage: ")
    assert len(result.output.splitlines()) > 3
    assert list(tmp_path.iterdir()) == []  # help touches nothing


def test_the_version_is_told(drengr):
    assert re.fullmatch(r"drengr, version \d+\.\d+\.\d+\n", drengr("--version").output)


def test_create_prints_the_id_and_both_keys(drengr):
    lines = dict(line.split() for line in drengr("project", "create", "shop").output.splitlines())
    assert set(lines) == {"project_id", "publishable_key", "secret_key"}
    assert str(UUID(lines["project_id"])) == lines["project_id"]
    assert lines["publishable_key"].startswith("drengr_pk_") and lines["secret_key"].startswith("drengr_sk_")


def test_create_as_json_has_the_contracts_members(drengr):
    made = json.loads(drengr("project", "create", "shop", "--json").output)
    assert set(made) == {"project_id", "publishable_key", "secret_key"}


def test_list_shows_every_project_and_no_key(drengr):
    made = {name: json.loads(drengr("project", "create", name, "--json").output) for name in ("shop", "Größe 2")}
    listed = drengr("project", "list").output
    assert [line.split(maxsplit=1) for line in listed.splitlines()] == [
        [project["project_id"], name] for name, project in made.items()
    ]
    as_json = json.loads(drengr("project", "list", "--json").output)
    assert as_json == [
        {"project_id": project["project_id"], "name": name, "keep_days": None} for name, project in made.items()
    ]
    assert not any(key in listed for project in made.values() for key in project.values() if key.startswith("drengr_"))


def test_an_empty_list_says_how_to_make_one(drengr):
    drengr("project", "create", "")  # which makes the file, and no project
    assert "drengr project create NAME" in drengr("project", "list").output
    assert json.loads(drengr("project", "list", "--json").stdout) == []


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "words",
    [
        ("project", "list"), ("key", "list"), ("key", "create", "shop", "--kind", "secret"), ("key", "revoke", "1"),
        ("backup", "copy.db"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_file_is_made_by_looking(drengr, tmp_path, words):
    refused = drengr(*words)
    assert refused.exit_code == 2 and "There is no database" in refused.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", commands(main), ids=" ".join)
def test_help_has_a_short_form_everywhere(drengr, words):
    assert drengr(*words, "-h").output == drengr(*words, "--help").output


def test_an_unknown_setting_is_a_warning_at_every_command(drengr):
    drengr("project", "create", "shop")
    listed = drengr("project", "list", "--json", DRENGR_DATABSE="x", DRENGR_SECRET_KEY="x")
    assert listed.exit_code == 0 and len(json.loads(listed.stdout)) == 1
    assert listed.stderr.count("DRENGR_DATABSE") == listed.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["", "  ", "\0", "n" * 101])
def test_a_name_that_is_none_is_a_usage_error(drengr, name):
    result = drengr("project", "create", name)
    assert result.exit_code == 2 and "1 to 100 characters" in result.output


def test_a_taken_name_is_a_usage_error(drengr):
    assert drengr("project", "create", "shop").exit_code == 0
    result = drengr("project", "create", " shop ")
    assert result.exit_code == 2 and "exists already" in result.output


def test_a_name_of_bad_bytes_is_made_valid(drengr):
    assert drengr("project", "create", "caf\udce9").exit_code == 0
    assert drengr("project", "list").output.split()[-1] == "caf\ufffd"


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"DRENGR_DATABASE": "/nowhere/at/all.db"}, "does not exist"),
        ({"DRENGR_DATABASE": "/proc/events.db"}, "cannot be used"),
        ({"DRENGR_DATABASE": "/"}, "is a folder"),
        ({"PORT": "x"}, "PORT='x' cannot be used"),
    ],
    ids=repr,
)
def test_what_an_operator_can_mend_is_one_sentence(drengr, env, words):
    result = drengr("project", "create", "x", **env)
    assert result.exit_code != 0 and isinstance(result.exception, SystemExit)
    assert words in result.output and len(result.output.strip().splitlines()) == 1


@pytest.mark.sqlite
def test_a_database_that_stays_locked_is_one_sentence(drengr, tmp_path, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.group_commit.LONGEST_WAIT_S", 0.2)
    drengr("project", "create", "first")
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    result = drengr("project", "create", "shop")
    other.close()
    assert result.exit_code == 1 and result.output == "Error: another program keeps the database locked\n"


def test_a_project_is_renamed(drengr):
    made = json.loads(drengr("project", "create", "shop", "--json").output)
    assert drengr("project", "rename", "shop", "store").stdout == "shop is named store now.\n"
    assert json.loads(drengr("project", "list", "--json").output)[0]["project_id"] == made["project_id"]
    for words, said in ((("shop", "x"), "There is no project 'shop'"), (("store", " "), "1 to 100 characters")):
        refused = drengr("project", "rename", *words)
        assert refused.exit_code == 2 and said in refused.stderr


def test_a_project_is_deleted_after_its_numbers_were_shown(drengr, soon, location):
    for name in ("shop", "other"):
        drengr("project", "create", name)
    drengr("key", "rotate", "2", "--grace", "1h")  # the old one is still good
    looked = drengr("project", "delete", "shop", "--dry-run")
    assert (looked.exit_code, looked.stdout, looked.stderr) == (0, "", "0 events and 3 keys would go.\n")
    refused = drengr("project", "delete", "shop")
    assert refused.exit_code == 2 and "say --yes" in refused.stderr
    assert len(json.loads(drengr("project", "list", "--json").output)) == 2
    with closing(open_store(location)) as store:
        store.delete_project(store.find_project("shop"))
    assert "shop  It is being deleted." in drengr("project", "list").stdout
    assert drengr("project", "delete", "shop", "--yes").stdout == "The project shop is gone.\n"
    assert [project["name"] for project in json.loads(drengr("project", "list", "--json").output)] == ["other"]
    assert "shop" not in drengr("key", "list").output
