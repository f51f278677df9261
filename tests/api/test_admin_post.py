import gzip
import json
import sqlite3
from contextlib import closing

import pytest

from drengr.events.times import iso_text
from drengr.log import faults
from drengr.store import Busy
from tests.admin import USER, error_of
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


def slot(**over) -> dict:
    plain = {"app_user_id": USER, "event_name": "mission_completed", "properties": {"xp": 100}}
    return {key: value for key, value in (plain | over).items() if value is not ...}


def tracked(answer) -> tuple[int, int]:
    """(inserted, skipped)."""
    assert answer.status_code == 200, answer.text
    found = answer.json["data"]
    assert found["tracked"] == found["inserted"] and set(found) == {"tracked", "inserted", "skipped"}
    return found["inserted"], found["skipped"]


@pytest.mark.parametrize(
    ("body", "inserted"),
    [
        (slot(), 1),
        ({"events": [slot(), slot()]}, 2),
        ([slot(), slot()], 2),
        ({"events": []}, 0),
        ([], 0),
        (slot(events=None), 1),
    ],
)
def test_every_form_of_body_is_tracked(admin, rows, body, inserted):
    assert tracked(admin.post(body)) == (inserted, 0)
    assert len(rows()) == inserted


def test_a_posted_event_becomes_a_row(admin, rows, tenant):
    posted = slot(
        app_user_id=USER.upper(), event_name=" Mission: Complété ", event_id="e-1", occurred_at="1969-07-20T20:17:40.5Z"
    )
    assert tracked(admin.post(posted)) == (1, 0)
    row = rows()[0]
    assert (row.pop("id"), row) == (
        1,
        {
            "project": tenant.project_id,
            "event_id": "e-1",
            "event_name": " Mission: Complété ",
            "source": "admin",
            "app_package": None,
            "install_id": USER,
            "external_id": USER,
            "session_id": None,
            "occurred_at": -14_182_939_500,
            "received_at": NOW_MS,
            "dims": "{}",
            "measures": '{"xp":100}',
            "properties": '{"xp":100}',
        },
    )
    shown = admin.page(since="1960-01-01", until="1970-01-01").json["data"][0]
    assert shown["occurred_at"] == "1969-07-20T20:17:40.500Z" and shown["app_user_id"] == USER
    assert admin.count(since="1969-07-20", until="1969-07-21", group_by="day").json["data"] == {
        "total": 1,
        "buckets": [{"key": "1969-07-20", "count": 1}],
    }


@pytest.mark.parametrize("year", ["0001-01-01T00:00:00.001Z", "0999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"])
def test_any_year_that_can_be_written_comes_back(admin, year):
    assert tracked(admin.post(slot(occurred_at=year))) == (1, 0)
    page = admin.page(since="0001-01-01", limit=1).json
    assert page["data"][0]["occurred_at"] == year
    assert admin.page(since="0001-01-01", limit=1, cursor=page["next_cursor"]).json["data"] == []


def test_null_counts_as_absent(admin, rows):
    assert tracked(admin.post(slot(properties=None, occurred_at=None, event_id=None))) == (1, 0)
    row = rows()[0]
    assert (row["properties"], row["occurred_at"], row["event_id"]) == ("{}", NOW_MS, None)


BAGS = [
    "{}",
    '{"nested":{"a":[1,{"b":null},[]],"c":{"d":{"e":true}}}}',
    '{"ключ":"значение 🚀","\\u0000nul":"a\\u0000b","quote\\"":"\\\\"}',
    '{"big":123456789012345678901234567890,"i64":9223372036854775807,"u64":18446744073709551615,"n":-9223372036854775809}',
    '{"huge":1' + "0" * 5000 + "}",
    '{"pi":3.141592653589793,"tiny":5e-324,"minus":-0.0,"exact":0.1,"e":1e300}',
    '{"email":"kept@example.com","name":"verbatim"}',
    '{"deep":' + "[" * 200 + "]" * 200 + "}",
    '{"":""}',
]


@pytest.mark.parametrize("bag", BAGS, ids=lambda bag: bag[:30])
def test_properties_come_back_exactly_as_posted(admin, bag):
    body = f'{{"app_user_id":"{USER}","event_name":"e","properties":{bag}}}'
    assert tracked(admin.post(data=body)) == (1, 0)
    text = admin.page().text
    start = text.index('"properties":') + len('"properties":')
    parse = lambda text: json.JSONDecoder(parse_int=str).raw_decode(text)[0]  # noqa: E731
    assert parse(text[start:]) == parse(bag)


def test_dims_and_measures_follow_the_rules_of_the_other_doors(admin, rows):
    bag = {
        "plan": "pro",
        "ok": True,
        "nothing": None,
        "total": 3,
        "revenue": 1.5,
        "email": "x@example.com",
        "address": {"street": "s"},
        "nested": {"n": 1, "deep": {"token": "t", "b": [1]}},
        "nul": "a\0b",
        "big": 10**30,
    }
    admin.post(slot(properties=bag))
    row = rows()[0]
    assert json.loads(row["dims"]) == {
        "plan": "pro",
        "ok": "true",
        "nested.deep": '{"b":[1]}',
        "nul": "ab",
        "big": str(10**30),
    }
    assert list(json.loads(row["measures"]).items()) == [("revenue", 1.5), ("total", 3), ("nested.n", 1)]
    assert "x@example.com" in row["properties"]


def test_repeats_are_skipped_within_a_batch_and_across_requests(admin, rows):
    assert tracked(admin.post([slot(event_id="a"), slot(event_id="b", event_name="x"), slot(event_id="a")])) == (2, 1)
    assert tracked(admin.post(slot(event_id="a", event_name="changed"))) == (0, 1)
    assert tracked(admin.post(slot())) == (1, 0)
    assert tracked(admin.post(slot())) == (1, 0)
    assert [row["event_name"] for row in rows()] == ["mission_completed", "x", "mission_completed", "mission_completed"]


def test_an_event_id_is_one_namespace_with_the_other_doors(admin, client, tenant, rows):
    from tests.factories import amplitude_event, envelope

    client.post("/amplitude-ingest", json=envelope(tenant.publishable_key, amplitude_event(insert_id="same")))
    assert tracked(admin.post(slot(event_id="same"))) == (0, 1)
    assert len(rows()) == 1


BAD = [
    ("INVALID_EVENT", 5),
    ("INVALID_EVENT", None),
    ("INVALID_EVENT", []),
    ("INVALID_EVENT", "x"),
    ("INVALID_EVENT", slot(properties=[])),
    ("INVALID_EVENT", slot(properties="{}")),
    ("INVALID_EVENT", slot(properties=0)),
    ("INVALID_APP_USER_ID", {}),
    ("INVALID_APP_USER_ID", slot(app_user_id=...)),
    ("INVALID_APP_USER_ID", slot(app_user_id=7)),
    ("INVALID_APP_USER_ID", slot(app_user_id="user_1")),
    ("INVALID_APP_USER_ID", slot(app_user_id=USER.replace("-", ""))),
    ("INVALID_APP_USER_ID", slot(app_user_id=USER + "\n")),
    ("INVALID_APP_USER_ID", slot(app_user_id=None)),
    ("INVALID_EVENT_NAME", slot(event_name=...)),
    ("INVALID_EVENT_NAME", slot(event_name="")),
    ("INVALID_EVENT_NAME", slot(event_name=" \t")),
    ("INVALID_EVENT_NAME", slot(event_name=1)),
    ("INVALID_EVENT_NAME", slot(event_name=10**30)),
    ("INVALID_OCCURRED_AT", slot(occurred_at="")),
    ("INVALID_OCCURRED_AT", slot(occurred_at="soon")),
    ("INVALID_OCCURRED_AT", slot(occurred_at=NOW_MS)),
    ("INVALID_OCCURRED_AT", slot(occurred_at="2026-02-30")),
    ("INVALID_OCCURRED_AT", slot(occurred_at="0001-01-01T00:00+23:00")),
    ("INVALID_EVENT_ID", slot(event_id="")),
    ("INVALID_EVENT_ID", slot(event_id="x" * 256)),
    ("INVALID_EVENT_ID", slot(event_id=7)),
    ("INVALID_JSON", slot(properties={"deep": json.loads("[" * 300 + "]" * 300)})),
]


@pytest.mark.parametrize(("code", "bad"), BAD, ids=lambda value: str(value)[:60])
def test_one_bad_slot_stores_nothing_and_names_its_index(empty, code, bad):
    answer = empty.post([slot(), slot(event_id="good"), bad, slot()])
    assert error_of(answer) == (400, code)
    assert answer.json["error"]["details"] == {"index": 2}
    if bad != []:  # which is an empty batch
        assert error_of(empty.post(bad))[1] == code
    assert empty.page().json["data"] == []


def test_255_characters_are_an_event_id(admin, rows):
    assert tracked(admin.post(slot(event_id="ü" * 255))) == (1, 0)
    assert rows()[0]["event_id"] == "ü" * 255


def test_events_that_is_no_array_is_refused(empty):
    assert error_of(empty.post({"events": slot()})) == (400, "INVALID_EVENT")


BROKEN = [
    b"",
    b" ",
    b"{",
    b"nope",
    b"[1,]",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e999}',
    b'"\\ud800"',
    b'"\xff"',
    b"\xef\xbb\xbf{}",
    b'{"a":1}x',
    b"[" * 100_000,
    b'"\x01"',
    b"\x00",
]


@pytest.mark.parametrize("long", [b"", b"1111111111111111111111"], ids=["plain", "with a long number"])
@pytest.mark.parametrize("broken", BROKEN, ids=lambda body: repr(body[:20]))
def test_what_strict_json_refuses_is_refused(empty, broken, long):
    body = b"[%s,%s]" % (broken, long) if long else broken
    assert error_of(empty.post(data=body)) == (400, "INVALID_JSON")
    assert empty.page().json["data"] == []


def test_a_batch_of_500_fits_and_one_more_does_not(admin, rows):
    assert tracked(admin.post([slot()] * 500)) == (500, 0)
    answer = admin.post({"events": [slot()] * 501})
    assert error_of(answer) == (413, "BATCH_TOO_LARGE")
    assert len(rows()) == 500


def test_a_body_of_5_mib_fits_and_a_byte_more_does_not(admin, rows):
    body = json.dumps(slot()).encode()
    limit = 5 * 1024 * 1024
    assert tracked(admin.post(data=body.ljust(limit))) == (1, 0)
    assert error_of(admin.post(data=body.ljust(limit + 1))) == (413, "BATCH_TOO_LARGE")
    bomb = gzip.compress(body.ljust(limit + 1))
    assert error_of(admin.post(data=bomb, headers={"Content-Encoding": "gzip"})) == (413, "BATCH_TOO_LARGE")
    assert len(rows()) == 1


def test_a_gzip_body_is_read_and_a_broken_one_refused(admin):
    packed = gzip.compress(json.dumps(slot()).encode())
    assert tracked(admin.post(data=packed, headers={"Content-Encoding": "gzip"})) == (1, 0)
    assert error_of(admin.post(data=packed[:-9], headers={"Content-Encoding": "gzip"})) == (400, "INVALID_JSON")


def test_what_was_posted_is_listed_at_its_time(admin):
    admin.post(slot(occurred_at=iso_text(NOW_MS - 1000)))
    assert admin.page().json["data"][0]["occurred_at"] == iso_text(NOW_MS - 1000)


def test_a_fault_of_the_database_is_a_500_that_hides_what_it_was(admin, store, caplog, monkeypatch):
    monkeypatch.setattr(faults, "filters", [])  # which let one line a second pass
    store.commits.run(lambda connection: connection.execute("ALTER TABLE day_totals RENAME TO gone"))
    answer = admin.post(slot())
    assert error_of(answer) == (500, "TRACK_FAILED")
    assert "day_totals" not in answer.text and "day_totals" in caplog.text
    store.commits.run(lambda connection: connection.execute("ALTER TABLE gone RENAME TO day_totals"))
    assert admin.page().json["data"] == []


@pytest.mark.sqlite
def test_a_store_that_is_too_busy_is_a_503(admin, store, monkeypatch):
    def refuse(*_, **__):
        raise Busy("the database is busy")

    monkeypatch.setattr(store.commits, "run", refuse)
    assert error_of(admin.post(slot())) == (503, "UNAVAILABLE")


@pytest.mark.sqlite
def test_a_file_that_another_program_keeps_locked_is_a_503(admin, database_path, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.group_commit.LONGEST_WAIT_S", 0.2)
    with closing(sqlite3.connect(database_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert error_of(admin.post(slot())) == (503, "UNAVAILABLE")
    assert tracked(admin.post(slot())) == (1, 0)


@pytest.mark.sqlite
def test_a_lock_that_a_question_meets_is_a_503_too(admin, store, tenant, tmp_path, monkeypatch):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN EXCLUSIVE")

        def read_locked(*_):
            with closing(sqlite3.connect(path, timeout=0)) as reader:
                reader.execute("SELECT * FROM t")

        monkeypatch.setattr(store.database, "read", read_locked)
        monkeypatch.setattr(store, "project_of_key", lambda *_: tenant.project)
        assert error_of(admin.page()) == (503, "UNAVAILABLE")


def test_nul_is_dropped_from_the_name_and_the_id(admin, rows):
    assert tracked(admin.post(slot(event_name="a\0b", event_id="\0i"))) == (1, 0)
    assert tracked(admin.post(slot(event_id="i"))) == (0, 1)
    assert [(row["event_name"], row["event_id"]) for row in rows()] == [("ab", "i")]
    assert error_of(admin.post(slot(event_name="\0 "))) == (400, "INVALID_EVENT_NAME")
    assert error_of(admin.post(slot(event_id="\0"))) == (400, "INVALID_EVENT_ID")
