"""README and docs/ are held to the code: settings, limits, error codes, columns, files, commands, links."""

import json
import re
import shlex
import sqlite3
from contextlib import closing

import click
import pytest

from drengr.admin import posted as admin_event
from drengr.api import amplitude_ingest, import_events, incoming, openapi
from drengr.cli import main
from drengr.config import SETTINGS
from drengr.events import event as event_rules
from drengr.events import jsontext, properties, times
from drengr.events.event import Context
from drengr.events.properties import SENSITIVE_WORDS
from drengr.sources import SOURCES, generic, read_batch
from drengr.store.sqlite.migrate import schema_sql
from tests.pages import EVERYTHING, PAGES, ROOT, blocks, section, tables, words

MOST_README_LINES = 300

# --- data ------------------------------------------------------------------------------------------------------------


def test_the_settings_table_is_the_code_s():
    rows = [[cell.strip("`") for cell in row] for row in tables(PAGES["docs/settings.md"])[0]]
    assert rows == [[each.name, each.default or "none", each.unit, each.help] for each in SETTINGS]


def test_every_setting_named_anywhere_exists():
    known = {setting.name for setting in SETTINGS} | {"DRENGR_SECRET_KEY", "DRENGR_URL"}
    assert set(re.findall(r"(?<!_)DRENGR_[A-Z]+(?:_[A-Z]+)*\b", EVERYTHING)) <= known


def test_the_limits_are_the_code_s():
    limits = {row[0]: row[1] for row in tables(section("Limits", "docs/api.md"))[0]}
    mib = 1024 * 1024
    assert limits["live request"] == (
        f"{amplitude_ingest.MAX_BODY_BYTES // mib} MiB, as sent and inflated; {amplitude_ingest.MAX_EVENTS:,} events"
    )
    assert f"up to {incoming.MAX_DRAINED_BYTES // mib} MiB" in section("Limits", "docs/api.md")
    assert limits["import request"] == f"{import_events.MAX_BODY_BYTES // mib} MiB, {import_events.MAX_EVENTS:,} rows"
    assert limits["admin post"].startswith(f"{admin_event.MAX_SLOTS} events")
    assert limits["event name, property key, dim"] == (
        f"{event_rules.MAX_NAME}, {properties.MAX_KEY}, {properties.MAX_VALUE} characters"
    )
    assert limits["dims, measures of an event"] == f"{properties.MAX_DIMS}, {properties.MAX_MEASURES}"
    assert limits["nesting of JSON"] == f"{jsontext.MAX_DEPTH} levels"
    assert limits["integers"] == "±(2^63 \u2212 1)" and jsontext.LARGEST_INTEGER == 2**63 - 1


def test_the_sensitive_words_are_all_named():
    stored = section("What is stored")
    named = re.search(r"contains, at any depth,(.*?)\(", stored, re.DOTALL)[1]
    assert tuple(words(named)) == SENSITIVE_WORDS


def test_the_columns_are_the_view_s():
    listed = [word for row in tables(section("What is stored"))[0] for word in words(row[0])]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema_sql())
        assert listed == [column[0] for column in connection.execute("SELECT * FROM events").description]


def test_every_source_is_named():
    assert set(words(section("Import history").split("Every way in")[0])) == set(SOURCES)
    read = tables(section("What each source reads", "docs/importing.md"))[0]
    assert [words(row[0])[0] for row in read] == list(SOURCES)
    assert set(words(tables(section("History", "docs/api.md"))[0][0][1])) == set(SOURCES)


def test_the_fields_of_a_mapping_are_the_code_s_and_the_example_reads_the_row_shown():
    own_rows = section("Your own rows: generic", "docs/importing.md")
    row, mapping = (json.loads(block) for block in blocks(own_rows, "json"))
    fields, meanings, examples = zip(*tables(own_rows)[0], strict=True)
    assert list(mapping) == [*generic.REQUIRED, *generic.OPTIONAL]
    assert list(mapping) == [word for field in fields for word in words(field)]
    assert list(mapping.values()) == [word for example in examples for word in words(example)]
    assert [word for word in words(meanings[2]) if word in times.UNITS] == list(times.UNITS)
    screen = properties.SensitiveKeys()
    context = Context("generic", 1_800_000_000_000, screen, mapping=generic.checked_mapping(mapping))
    event = read_batch([row], context).events[0]
    assert (event.event_name, event.install_id, event.external_id) == ("order_completed", "b_1", "u_9")
    assert event.event_id == "o_77"
    assert (json.loads(event.dims)["plan"], json.loads(event.measures)) == ("pro", {"revenue": 42.5})


def test_the_error_codes_of_the_admin_door_are_the_code_s():
    codes = tables(section("Admin events", "docs/api.md"))[-1]
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", "".join(row[1] for row in codes)))
    document = json.dumps(openapi.document()).replace("DRENGR_METRICS_TOKEN", "")
    in_code = set(re.findall(r"\b([A-Z]+_[A-Z_]+|UNAUTHORIZED|UNAVAILABLE)\b", document))
    assert told == in_code | {"METHOD_NOT_ALLOWED"}  # which no method in the document answers


def test_the_answers_to_sdks_are_the_code_s():
    told = {row[0].split()[0]: row[0] for row in tables(section("What SDKs do with an answer", "docs/api.md"))[0]}
    source = (ROOT / "drengr/api/amplitude_ingest.py").read_text()
    assert set(told) == {"200", "400", "413", "429", "503"}
    for answer in told.values():
        for text in words(answer):
            assert f'"{text}"' in source


# --- files and commands ----------------------------------------------------------------------------------------------


def test_every_file_named_exists():
    travels = section("How an event travels", "docs/develop.md")
    below = {path.name for path in [*(ROOT / "drengr").rglob("*.py"), *ROOT.glob("*.py"), *ROOT.glob("*.sql")]}
    assert set(re.findall(r"[a-z_]+\.(?:py|sql)", travels)) <= below
    for path in re.findall(r"`((?:drengr|tests|docs)/[\w/.]+\.\w+)`", EVERYTHING):
        assert (ROOT / path).exists() or "NAME" in path, path


def anchors(page: str) -> set[str]:
    """What a link's #… can name in a page: its headings as GitHub writes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^```.*?^```", "", PAGES[page]))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = str(((ROOT / page).parent / path).resolve().relative_to(ROOT)) if path else page
        assert (ROOT / target).exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked_from_the_readme():
    assert {page for page in PAGES if page.startswith("docs/")} <= set(re.findall(r"\]\(([^)#]+)", PAGES["README.md"]))


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= MOST_README_LINES


def test_no_page_names_a_path_of_one_machine():
    assert not re.search(r"/(?:work|tmp|home|root)/", EVERYTHING + (ROOT / "CHANGELOG.md").read_text())


def commands_shown() -> list[str]:
    lines = "\n".join(blocks(EVERYTHING, "sh")).replace("\\\n", " ").splitlines()
    # Not the user or the container of that name: `sudo -u drengr …`, `docker compose exec drengr …`.
    command = re.compile(r"(?:^|(?<! -u)(?<! exec)[ /|])drengr ((?!serve && |\.)[a-z].*)")
    shown = [command.search(line) for line in lines if "useradd" not in line]
    return sorted({re.split(r"\s+#|\s+&&|\s+\|", match[1])[0].strip() for match in shown if match})


@pytest.mark.parametrize("shown", commands_shown())
def test_every_command_shown_is_one_with_these_options(shown):
    arguments = [word for word in shlex.split(shown) if word != "…"]
    command: click.Command = main
    while isinstance(command, click.Group) and arguments:
        command = command.commands[arguments.pop(0)]
    assert isinstance(command, click.Command) and not isinstance(command, click.Group)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in arguments if re.match(r"--?[a-z]", word)} <= known


def leaves(command: click.Command, *words: str) -> list[str]:
    if isinstance(command, click.Group):
        return [leaf for name, each in command.commands.items() for leaf in leaves(each, *words, name)]
    return [" ".join(words)]


def test_every_command_is_in_the_table_of_commands():
    shown = [words(row[0])[0] for row in tables(PAGES["docs/commands.md"])[0]]
    assert all(any(each.startswith(f"drengr {leaf}") for each in shown) for leaf in leaves(main)), shown


def test_the_test_command_is_one_line_that_runs_pytest():
    (block,) = blocks(section("Run the tests"), "sh")
    (line,) = block.strip().splitlines()
    assert line.split("&&")[-1].split() == [".venv/bin/pytest", "-q", "-n", "auto"]


def test_the_start_command_is_one_line_that_serves():
    (block,) = blocks(section("Start"), "sh")
    (line,) = block.strip().splitlines()
    assert line.endswith(".venv/bin/drengr serve")
