"""Whatever is posted at the admin door: never a 5xx, and a bag that is taken comes back as it was (contract 3.7, 6)."""

import json
import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.admin import USER, Admin

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
BAGS = st.dictionaries(st.text(max_size=6), VALUES, max_size=5)
SLOTS = st.fixed_dictionaries(
    {},
    optional={
        "app_user_id": st.just(USER) | VALUES,
        "event_name": st.text(max_size=5) | VALUES,
        "properties": VALUES,
        "occurred_at": st.datetimes().map(lambda moment: moment.isoformat()) | VALUES,
        "event_id": st.text(max_size=300) | VALUES,
        "events": VALUES,
    },
)

_PER_TEST = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(left: object, right: object) -> bool:
    """Equal as JSON: 1 is not 1.0 and -0.0 is not 0.0."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@_PER_TEST
@given(bag=BAGS, ascii_only=st.booleans())
def test_a_bag_comes_back_as_it_was_posted(client, tenant, bag, ascii_only):
    admin = Admin(client, tenant.project_id, tenant.secret_key)
    body = json.dumps({"app_user_id": USER, "event_name": "e", "properties": bag}, ensure_ascii=ascii_only)
    assert admin.post(data=body.encode()).status_code == 200
    assert same(json.loads(admin.page(limit=1).data)["data"][0]["properties"], bag)


@_PER_TEST
@given(body=SLOTS | st.lists(SLOTS | VALUES, max_size=3) | VALUES)
def test_no_json_gives_a_5xx_and_what_is_refused_stores_nothing(client, tenant, store, body):
    admin = Admin(client, tenant.project_id, tenant.secret_key)
    before = store.database.read("SELECT count(*) FROM semantic_events")
    answer = admin.post(body)
    assert answer.status_code in (200, 400), answer.text
    stored = store.database.read("SELECT count(*) FROM semantic_events")[0][0] - before[0][0]
    assert stored == (answer.json["data"]["inserted"] if answer.status_code == 200 else 0)


@_PER_TEST
@given(
    body=st.binary(max_size=60)
    | st.sampled_from([math.nan, math.inf, "\ud800"]).map(lambda v: json.dumps([v]).encode())
)
def test_no_bytes_give_a_5xx(client, tenant, body):
    assert Admin(client, tenant.project_id, tenant.secret_key).post(data=body).status_code in (200, 400)


@_PER_TEST
@given(
    asked=st.dictionaries(
        st.sampled_from(
            ["since", "until", "limit", "cursor", "user_id", "event_name", "external_id", "source", "group_by"]
        ),
        st.text(max_size=30)
        | st.sampled_from(["2026-11-01", "9999-12-31T23:59:59.999Z", "0001-01-01", "day", "event_name", USER, "1000"]),
    )
)
def test_no_question_gives_a_5xx(client, tenant, asked):
    admin = Admin(client, tenant.project_id, tenant.secret_key)
    assert admin.page(**asked).status_code in (200, 400)
    assert admin.count(**asked).status_code in (200, 400)
