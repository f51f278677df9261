"""Every event that a real SDK reports as sent is in the file once, as contract 3 and 4 want it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.sdk.driving import Run, sent_id
from tests.sdk.oracle import expected

SDKS = ["python", "python-1.0.0", "node", "node-legacy"]
BROWSERS = ["browser-fetch", "browser-xhr", "browser-gzip", "browser-beacon", "browser-traced", "amplitude-js"]
WITH_IDS = [name for name in SDKS + BROWSERS if name != "node-legacy"]
FREE_FIELDS = [name for name in SDKS + BROWSERS if name != "amplitude-js"]  # an app may set os_name and the like

Runs = Callable[[str], Run]
RowsOf = Callable[[Run], list[dict[str, Any]]]


def one(rows: list[dict[str, Any]], source_name: str) -> dict[str, Any]:
    (row,) = [r for r in rows if r["dims"].get("_source_event_name", r["event_name"]) == source_name]
    return row


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the file with the columns and the text spelling that the oracle has."""
    keys = ("event_name", "event_id", "install_id", "external_id", "occurred_at", "dims", "measures")
    session = None if row["session_id"] is None else str(row["session_id"])
    return {k: row[k] for k in keys} | {"session_id": session}


@pytest.mark.parametrize("name", SDKS + BROWSERS)
def test_every_call_is_reported_as_sent(name: str, run: Runs) -> None:
    done = run(name)
    assert "error" not in done.more
    assert done.sent >= 12
    assert {post.status for post in done.posts} == {200}
    # a beacon leaves as the page does, and the promises with it
    assert done.codes == ([] if name == "browser-beacon" else [200] * done.sent)


@pytest.mark.parametrize("name", SDKS + BROWSERS)
def test_the_file_holds_as_many_events_as_the_wire(name: str, run: Runs, rows_of: RowsOf) -> None:
    done = run(name)
    assert len(rows_of(done)) == len(done.delivered) >= done.sent
    assert {row["source"] for row in rows_of(done)} == {"amplitude_http"}


@pytest.mark.parametrize("name", WITH_IDS)
def test_every_reported_insert_id_is_stored_once(name: str, run: Runs, rows_of: RowsOf) -> None:
    done = run(name)
    stored = Counter(row["event_id"] for row in rows_of(done))
    reported = [report["insert_id"] for report in done.reports if "insert_id" in report]
    assert stored == Counter(sent_id(event) for event in done.delivered)
    assert set(reported) <= stored.keys()
    assert set(stored.values()) == {1}


@pytest.mark.parametrize("name", WITH_IDS)
def test_rows_are_what_the_contract_makes_of_the_wire(name: str, run: Runs, rows_of: RowsOf) -> None:
    done = run(name)
    stored = {row["event_id"]: row for row in rows_of(done)}
    for event in done.delivered:
        row = stored[sent_id(event)]
        assert plain(row) == expected(event, row["received_at"]), event


def test_events_without_id_and_time_are_kept_apart_and_stamped_on_receipt(run: Runs, rows_of: RowsOf) -> None:
    done = run("node-legacy")
    stored = rows_of(done)
    unmatched = list(stored)
    for event in done.delivered:
        row = next(r for r in unmatched if fits(r, expected(event, r["received_at"])))
        unmatched.remove(row)
    assert unmatched == []
    assert len({row["event_id"] for row in stored}) == len(stored)
    assert one(stored, "own time")["occurred_at"] == 1_750_000_000_123


def fits(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """True when the row is the wanted one; a wanted id of None stands for any."""
    return plain(row) == wanted | {"event_id": wanted["event_id"] or row["event_id"]}


@pytest.mark.parametrize("name", FREE_FIELDS)
def test_order_completed_spelled_out(name: str, run: Runs, rows_of: RowsOf) -> None:
    row = one(rows_of(run(name)), "Order Completed")
    user = run(name).user
    assert (row["event_name"], row["install_id"], row["external_id"]) == ("order_completed", user + "-device", user)
    assert str(row["session_id"]) == "1750000000123"
    wanted = {"os": "iOS 17.4", "device_model": "iPhone15", "app_version": "1.2.3", "ok": "true", "list": '[1,"a"]',
              "nested.a": '{"b":1}', "user.plan": "pro", "_source_event_name": "Order Completed"}
    assert row["dims"].items() >= wanted.items()
    assert row["measures"].items() >= {"revenue": 42.5, "zeta": 1, "nested.n": 7}.items()
    assert next(iter(row["measures"])) == "revenue"
    assert not any("a@b.example" in v or "4111" in v or "token" in v for v in row["dims"].values())
    assert "none" not in row["dims"]


@pytest.mark.parametrize("name", SDKS + BROWSERS)
def test_unicode_and_emoji_survive(name: str, run: Runs, rows_of: RowsOf) -> None:
    row = one(rows_of(run(name)), "ünïcode 日本 🎉")
    assert row["event_name"] == "_n_code_"
    assert row["dims"]["ключ"] == "значение 🎉 & = + %"
    assert (row["dims"]["family"], row["dims"]["rtl"]) == ("👩‍👩‍👧", "\u202eabc")
    assert one(rows_of(run(name)), "日本語イベント")["event_name"] == "_"


@pytest.mark.parametrize("name", SDKS + BROWSERS)
def test_nul_is_dropped_and_a_lone_surrogate_replaced(name: str, run: Runs, rows_of: RowsOf) -> None:
    dims = one(rows_of(run(name)), "hostile values")["dims"]
    assert (dims["nul"], dims["lone"], dims["ctl"]) == ("ab", "x\ufffdy", "a\nb")


@pytest.mark.parametrize("name", ["python", "python-1.0.0"])
def test_numbers_json_has_no_word_for_become_text(name: str, run: Runs, rows_of: RowsOf) -> None:
    row = one(rows_of(run(name)), "not finite")
    assert row["measures"] == {"big": 2**63 - 1, "good": 1.5}
    words = {k: row["dims"][k] for k in ("nan", "inf", "minus", "bigger")}
    assert words == {"nan": "NaN", "inf": "Infinity", "minus": "-Infinity", "bigger": str(2**70)}


@pytest.mark.parametrize("name", SDKS + BROWSERS)
def test_a_bag_of_300_keys_is_cut_to_40_dims_and_20_measures(name: str, run: Runs, rows_of: RowsOf) -> None:
    row = one(rows_of(run(name)), "big bag")
    assert (len(row["dims"]), len(row["measures"])) == (40, 20)
    bag = [k for k in row["measures"] if k.startswith("k")]
    assert bag == [f"k{n:04}" for n in range(1, 2 * len(bag), 2)]


@pytest.mark.parametrize("name", SDKS + BROWSERS)
def test_five_equal_looking_ticks_are_five_events(name: str, run: Runs, rows_of: RowsOf) -> None:
    ticks = [row["measures"]["n"] for row in rows_of(run(name)) if row["event_name"] == "tick"]
    assert sorted(ticks) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", SDKS + BROWSERS)
def test_identify_lands_with_its_operations(name: str, run: Runs, rows_of: RowsOf) -> None:
    (row,) = [r for r in rows_of(run(name)) if r["event_name"] == "_identify" and "user.$set.plan" in r["dims"]]
    wanted = {"user.$set.plan": "pro", "user.$append.tags": "x", "user.$prepend.labels": "y", "user.$unset.gone": "-",
              "user.$preInsert.l": "a", "user.$postInsert.m": "b", "user.$remove.r": "c"}
    assert row["dims"].items() >= wanted.items()
    assert row["measures"].items() >= {"user.$setOnce.first": 1, "user.$add.visits": 2}.items()
    assert row["dims"]["_source_event_name"] == "$identify"


@pytest.mark.parametrize("name", SDKS + BROWSERS)
def test_group_and_revenue_events_land(name: str, run: Runs, rows_of: RowsOf) -> None:
    stored = rows_of(run(name))
    assert one(stored, "$groupidentify")["event_name"] == "_groupidentify"
    revenue = one(stored, "revenue_amount")
    assert (revenue["measures"]["$price"], revenue["measures"]["$quantity"]) == (3.99, 3)
    assert revenue["dims"]["$productId"] == "sku1"


@pytest.mark.parametrize("name", SDKS)
def test_one_of_the_two_ids_is_enough(name: str, run: Runs, rows_of: RowsOf) -> None:
    user = run(name).user
    no_device, no_user = one(rows_of(run(name)), "no device"), one(rows_of(run(name)), "no user")
    assert (no_device["install_id"], no_device["external_id"]) == (user, user)
    assert (no_user["install_id"], no_user["external_id"]) == (user + "-device", None)


@pytest.mark.parametrize("name", SDKS[:3])
def test_a_session_id_of_minus_one_is_no_session(name: str, run: Runs, rows_of: RowsOf) -> None:
    assert one(rows_of(run(name)), "日本語イベント")["session_id"] is None


def test_the_two_python_releases_are_really_two(run: Runs) -> None:
    assert run("python-1.0.0").more["version"] == "1.0.0"
    assert run("python").more["version"] != "1.0.0"
