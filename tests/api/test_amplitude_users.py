"""GET /api/2/usersearch and /api/2/useractivity, as scripts written for Amplitude ask (contract 8)."""

import pytest

from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


@pytest.fixture
def ask(client, tenant):
    """ask("usersearch", user="u1") → the answer."""
    keys = (tenant.publishable_key, tenant.secret_key)
    return lambda call, **asked: client.get(f"/api/2/{call}", query_string=asked, auth=keys)


@pytest.fixture
def known(put):
    put(
        event(event_name="visit", install_id="d1", external_id=None, occurred_at=NOW_MS - DAY_MS,
              dims='{"os":"iOS 17.4","device_model":"iPhone","app_version":"1.2","user.plan":"free"}'),
        event(install_id="d1", external_id="user_1", dims='{"user.plan":"pro","color":"red"}'),
        event(install_id="d2", external_id=None, occurred_at=NOW_MS - 2 * DAY_MS),
    )  # fmt: skip


def number(ask, text: str) -> int:
    (match,) = ask("usersearch", user=text).json["matches"]
    return match["amplitude_id"]


@pytest.mark.parametrize("text", ["user_1", "d1", "us"])
def test_a_user_is_found_by_id_device_and_the_beginning_of_the_id(ask, known, text):
    found = ask("usersearch", user=text).json
    assert found == {
        "matches": [{"user_id": "user_1", "amplitude_id": number(ask, "user_1")}],
        "type": "match_user_or_device_id",
    }
    assert ask("usersearch", user=str(number(ask, text))).json == found


def test_a_device_that_is_nobody_s_has_a_number_and_no_user_id(ask, known):
    found = ask("usersearch", user="d2").json
    assert found["matches"] == [{"user_id": None, "amplitude_id": number(ask, "d2")}]
    assert number(ask, "d2") != number(ask, "user_1")


def test_the_number_of_a_device_goes_on_meaning_the_device(ask, put, known):
    before = number(ask, "d2")
    put(event(install_id="d2", external_id="user_2"))
    assert ask("usersearch", user=str(before)).json["matches"][0]["user_id"] == "user_2"
    put(event(install_id="d2", external_id="user_3"))
    assert ask("usersearch", user=str(before)).json["matches"] == [{"user_id": None, "amplitude_id": before}]


@pytest.mark.parametrize("text", ["nobody", "x", "%", "999999", "9" * 30, "\0"])
def test_nobody_is_no_match(ask, known, text):
    answer = ask("usersearch", user=text)
    assert (answer.status_code, answer.json) == (200, {"matches": [], "type": "nomatch"})


def test_what_is_asked_for_must_be_said(ask):
    for call in ("usersearch", "useractivity"):
        for asked in ({}, {"user": " "}):
            answer = ask(call, **asked)
            assert answer.status_code == 400 and list(answer.json) == ["error"]


def test_the_activity_of_a_user(ask, known):
    found = ask("useractivity", user=number(ask, "user_1")).json
    data = found["userData"]
    assert data["user_id"] == "user_1" and data["canonical_amplitude_id"] == number(ask, "user_1")
    assert (data["num_events"], data["first_used"], data["last_used"]) == (2, "2026-11-19", "2026-11-20")
    assert data["device_ids"] == ["d1"] and data["properties"]["plan"] == "pro"
    assert (data["os"], data["device"], data["version"]) == ("iOS 17.4", "iPhone", "1.2")
    assert data["merged_amplitude_ids"] == [] and data["num_sessions"] is data["revenue"] is None
    newest, oldest = found["events"]
    assert (newest["event_type"], oldest["event_type"]) == ("order_completed", "visit")
    assert newest["event_properties"] == {"color": "red", "revenue": 42.5}
    assert newest["user_properties"] == {"plan": "pro"} and oldest["device_id"] == "d1"
    assert newest["amplitude_id"] == oldest["amplitude_id"] == data["canonical_amplitude_id"]
    assert ask("useractivity", user="user_1").json == ask("useractivity", user="d1").json == found


def test_the_newest_events_come_first_and_exactly_as_many_as_asked(ask, put):
    put(*(event(event_id=f"e{n}", occurred_at=NOW_MS - n) for n in range(2050)))
    for asked, wanted in (
        ({}, range(1000)),
        ({"limit": 3}, range(3)),
        ({"limit": 9999, "offset": 5}, range(5, 1005)),
        ({"limit": 10, "offset": 999}, range(999, 1009)),
        ({"limit": 100, "offset": 1999}, range(1999, 2050)),
        ({"offset": 2050}, range(0)),
        ({"offset": 100_000}, range(0)),
    ):
        found = ask("useractivity", user="user_1", **asked).json["events"]
        assert [row["$insert_id"] for row in found] == [f"e{n}" for n in wanted], asked


@pytest.mark.parametrize(
    "asked", [{"limit": "0"}, {"limit": "x"}, {"offset": "-1"}, {"offset": 100_001}, {"direction": "earliest"}]
)
def test_a_bad_number_is_named(ask, known, asked):
    answer = ask("useractivity", user="user_1", **asked)
    assert answer.status_code == 400 and next(iter(asked)) in answer.json["error"]


def test_an_unknown_user_is_400(ask, known):
    answer = ask("useractivity", user="nobody")
    assert answer.status_code == 400 and list(answer.json) == ["error"]


@pytest.mark.parametrize("call", ["usersearch", "useractivity"])
def test_only_both_keys_of_one_project_open_it(client, tenant, make_tenant, call):
    other = make_tenant("other")
    for keys in ((tenant.publishable_key, other.secret_key), (tenant.secret_key, tenant.publishable_key), ("", "")):
        answer = client.get(f"/api/2/{call}?user=u", auth=keys)
        assert answer.status_code == 401 and list(answer.json) == ["error"]
        assert "WWW-Authenticate" not in answer.headers
    assert client.get(f"/api/2/{call}?user=u").status_code == 401


def test_nothing_of_another_project_is_found(ask, known, client, make_tenant):
    other = make_tenant("other")
    keys = (other.publishable_key, other.secret_key)
    for text in ("user_1", "d1", str(number(ask, "user_1"))):
        assert client.get(f"/api/2/usersearch?user={text}", auth=keys).json["type"] == "nomatch"
