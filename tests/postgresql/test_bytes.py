"""Both stores keep and show the same bytes: contract 13."""

import pytest

from drengr.admin.questions import CountQuery, PageQuery, Position
from drengr.store import open_store
from drengr.store.postgresql.packing import dedup_key, event_id_of
from tests.admin import event
from tests.conftest import NOW_MS
from tests.looking import events_in

TEXTS = [
    "", " ", "a", "A", "ä", "a\u0308", "ß", "İ", "\u0131",
    "\u200b", "\ufeff", "\ufffd", "\uffff", "😀", "\U0010ffff", "\x01\x1f\x7f\x80",
    "\n\r\t", "'", '"', "\\", "\\x00", "\\000", '\\"', "{}", "{NULL}", "NULL", "null", "%", "%s", "?", "$1", "{", "}",
    ",", "a,b",
    "' OR 1=1 --", "\u2028", "x" * 10_000, "0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d10",
    "0B6F1C1E-5D5C-4A53-8B0C-2F8F3A3C7D10",
    "0b6f1c1e5d5c4a538b0c2f8f3a3c7d10", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "é" * 255, "-1", "1e999", "\\N",
]  # fmt: skip
JSONS = [
    "{}", '{"a":1}', '{ "a" : 1.0 , "a":2}', '{"a":1e-7}', '{"a":0.1000}', '{"a":9223372036854775807}',
    '{"\\u0000":"\\ud800"}',
    '{"é":"\\u00e9"}', '{"a":"\\/"}', '{"a":' + "[" * 500 + "]" * 500 + "}", '{"k":"' + "v" * 100_000 + '"}', '{"":""}',
    '{"b":1,"a":{"z":[null,true,false]}}', '{"a":-0.0}', '{"a":"%s ? $1 \\\\ \'"}',
]  # fmt: skip


@pytest.fixture
def both(store, url, tmp_path):
    """(location, store) of a PostgreSQL database and an SQLite file, each with one project of the same id."""
    beside = open_store(str(tmp_path / "events.db"))
    for each in (store, beside):
        each.make_project("shop")
    yield (url, store), (str(tmp_path / "events.db"), beside)
    beside.close()


def shown(location: str) -> list[dict]:
    """The view without what differs on purpose: ids of rows, the random id of the project."""
    return [{k: v for k, v in row.items() if k not in ("id", "project")} for row in events_in(location, "ORDER BY id")]


def test_every_text_is_kept_in_every_column(both):
    events = [
        event(event_id=text, event_name=text or "e", source=text or "s", app_package=text, install_id=text,
              external_id=text, session_id=text)
        for text in TEXTS
    ]  # fmt: skip
    events += [event(event_id=None, session_id=number) for number in (0, 1, -(2**63), 2**63 - 1)]
    for _, each in both:
        each.add(1, events)
    (one, _), (other, _) = both
    assert shown(one) == shown(other) == [{k: v for k, v in e._asdict().items() if k != "changed"} for e in events]


def test_every_json_is_kept_to_the_byte(both):
    events = [event(dims=text, measures=text, properties=text) for text in JSONS]
    pages = []
    for _, each in both:
        each.add(1, events)
        pages.append(each.page(1, PageQuery(0, Position(2**62, 0), 1000)))
    (one, _), (other, _) = both
    assert shown(one) == shown(other)
    assert [page._replace(id=0) for page in pages[0]] == [page._replace(id=0) for page in pages[1]]
    assert sorted(page.properties for page in pages[0]) == sorted(JSONS)


def test_names_are_counted_in_the_same_order(both):
    names = [text for text in TEXTS if text] * 2
    counted = []
    for _, each in both:
        each.add(1, [event(event_name=name) for name in names])
        counted.append(each.count(1, CountQuery(NOW_MS - 86_400_000, NOW_MS, group_by="event_name")))
    assert counted[0] == counted[1]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_an_id_comes_back_from_its_key_and_shares_it_with_no_other(text):
    assert event_id_of(dedup_key(text)) == text
    assert [other for other in TEXTS if dedup_key(other) == dedup_key(text)] == [text]


@pytest.mark.parametrize("text", ["a\0b", "\0"], ids=ascii)
def test_what_no_column_can_hold_finds_nothing(store, project, text):
    nowhere = PageQuery(0, Position(2**62, 0), 10)
    for asked in ("event_name", "external_id", "install_id", "source"):
        assert store.page(project.id, nowhere._replace(**{asked: text})) == []
