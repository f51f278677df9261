"""GET …/export: contract 9."""

import csv
import gzip
import io
import json

import pytest

from drengr.admin.exports import COLUMNS
from drengr.api import arrivals, streaming
from drengr.api.streaming import STREAMS_AT_ONCE
from drengr.store.postgresql import export as postgresql_export
from drengr.store.sqlite import export as sqlite_export
from tests.admin import USER, error_of, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


@pytest.fixture
def ask(client, tenant):
    def get(query: str = "", headers: dict | None = None, *, buffered: bool = True):
        url = f"/admin/projects/{tenant.project_id}/export{query}"
        return client.get(url, headers=tenant.bearer | (headers or {}), buffered=buffered)

    return get


@pytest.fixture
def small_slices(monkeypatch):
    for module in (sqlite_export, postgresql_export):
        monkeypatch.setattr(module, "_MOST_ROWS", 2)


def lines(answer) -> list[dict]:
    assert answer.status_code == 200 and answer.mimetype == "application/x-ndjson"
    return [json.loads(line) for line in answer.data.splitlines()]


def test_every_event_is_a_line_with_the_columns_of_the_view(ask, store, make_tenant, tenant, rows):
    store.add(make_tenant("other").project.id, [event()])
    store.add(tenant.project.id, [event(session_id=17, event_id=USER), event(session_id="s", app_package="com.shop")])
    store.add(tenant.project.id, [event(source="admin", properties='{"n":12345678901234567890123,"f":1.0}')])
    shown = lines(ask())
    bags = ("dims", "measures", "properties")
    ours = rows("WHERE project = ?", tenant.project_id)
    seen = [row | {bag: row[bag] and json.loads(row[bag]) for bag in bags} for row in ours]
    assert shown == seen and len(shown) == 3
    assert [list(row) for row in shown] == [list(COLUMNS)] * 3
    assert b'"properties":{"n":12345678901234567890123,"f":1.0}' in ask().data


def test_slices_join_to_the_whole(small_slices, ask, store, tenant):
    store.add(tenant.project.id, [event(event_name=f"e{n}") for n in range(7)])
    assert [row["event_name"] for row in lines(ask())] == [f"e{n}" for n in range(7)]


def test_nothing_is_an_empty_answer_or_the_head_of_a_table(ask):
    assert ask().data == b"" and ask().status_code == 200
    assert ask("?format=csv").text == ",".join(COLUMNS) + "\r\n"


def test_a_table_has_a_head_and_no_formulas(small_slices, ask, store, tenant):
    names = ["plain", "=1+1", "+1", "-1", "@a", "\tx", "\rx", 'a "b", c\nd']
    store.add(tenant.project.id, [event(event_name=name, session_id=-5, occurred_at=-1) for name in names])
    answer = ask("?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["event_name"] for row in table] == [
        "plain", "'=1+1", "'+1", "'-1", "'@a", "'\tx", "'\rx", 'a "b", c\nd',
    ]  # fmt: skip
    assert {(row["session_id"], row["occurred_at"], row["dims"]) for row in table} == {("-5", "-1", '{"plan":"pro"}')}
    assert table[0]["properties"] == "" and table[0]["project"] == tenant.project_id


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*"])
@pytest.mark.parametrize("chosen", ["ndjson", "csv"])
def test_whoever_accepts_gzip_gets_it(ask, store, tenant, accepted, chosen):
    store.add(tenant.project.id, [event()])
    packed = ask(f"?format={chosen}", {"Accept-Encoding": accepted})
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(packed.data) == ask(f"?format={chosen}").data


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br"])
def test_nobody_else_does(ask, accepted):
    answer = ask("", {"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers and answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?since=2026-11-20T16:00:00Z", "b"),
        ("?until=2026-11-20T15:59:59.999Z", "a"),
        ("?since=2026-11-20&until=2026-11-20", "ab"),
        ("?event_name=b", "b"),
        (f"?external_id={USER.upper()}", "b"),
        ("?install_id=device_1", ""),
        ("?install_id=device_1&event_name=a", ""),
        ("?install_id=tablet", "a"),
    ],
)
def test_only_what_every_filter_leaves_is_exported(ask, store, tenant, query, names):
    found = [
        event(event_name="a", occurred_at=NOW_MS - 1, external_id=None, install_id="tablet"),
        event(event_name="b", occurred_at=NOW_MS, external_id=USER),
    ]
    store.add(tenant.project.id, found)
    assert "".join(row["event_name"] for row in lines(ask(query))) == names


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?since=noon", "INVALID_SINCE"),
        ("?until=", "INVALID_UNTIL"),
        ("?since=2026-11-20&until=2026-11-19", "INVALID_RANGE"),
        ("?format=xml", "INVALID_FILTER"),
        ("?limit=5", "INVALID_FILTER"),
        ("?external_id=a&install_id=b", "INVALID_FILTER"),
        ("?event_name=a&event_name=b", "INVALID_FILTER"),
    ],
)
def test_a_bad_question_is_answered_before_the_first_byte(ask, query, code):
    assert error_of(ask(query)) == (400, code)


def test_a_fault_before_the_first_byte_is_a_500(ask, app, store, monkeypatch):
    def broken(*_):
        raise ValueError("no")

    monkeypatch.setattr(type(store), "events_after", broken)
    monkeypatch.setattr(type(store), "last_id", lambda _: 5)
    assert error_of(ask()) == (500, "EXPORT_FAILED")


def test_a_fault_after_it_cuts_the_answer(small_slices, ask, store, tenant, monkeypatch):
    store.add(tenant.project.id, [event() for _ in range(5)])
    read = type(store).events_after

    def broken(self, project_id, query, after_id, last_id):
        if after_id:
            raise ValueError("no")
        return read(self, project_id, query, after_id, last_id)

    monkeypatch.setattr(type(store), "events_after", broken)
    with pytest.raises(streaming.StreamCut):
        ask("", {"Accept-Encoding": "gzip"})


def test_a_stop_cuts_the_answer(ask, store, tenant, monkeypatch):
    store.add(tenant.project.id, [event()])
    monkeypatch.setattr(arrivals, "is_stopping", lambda: True)
    with pytest.raises(streaming.StreamCut):
        ask()


def test_a_worker_makes_four_at_once_and_a_place_is_free_when_its_client_leaves(ask, store, tenant):
    store.add(tenant.project.id, [event()])
    begun = [ask(buffered=False) for _ in range(STREAMS_AT_ONCE)]
    assert error_of(ask()) == (503, "UNAVAILABLE")
    begun.pop().close()
    assert len(lines(ask())) == 1
    for answer in begun:
        answer.close()
    assert [ask().status_code for _ in range(STREAMS_AT_ONCE + 1)] == [200] * (STREAMS_AT_ONCE + 1)


def test_a_head_request_takes_no_place_for_good(client, tenant):
    url = f"/v1/admin/projects/{tenant.project_id}/export"
    for _ in range(STREAMS_AT_ONCE + 2):
        assert client.head(url, headers=tenant.bearer, buffered=True).status_code == 200
