"""GET …/imports: what was imported (contract 9)."""

import pytest

from tests.admin import Admin, error_of, iso
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


def file_of(*names: str) -> bytes:
    line = '{{"event_type":"a","event_time":"2026-06-01 12:00:00","device_id":"d","$insert_id":"{0}"}}\n'
    return "".join(line.format(name) for name in names).encode()


@pytest.fixture
def send(client, tenant):
    """send(b"…", app_package="com.x") → the answer."""

    def sent(data: bytes, headers: dict[str, str] | None = None, **query: str):
        query = {"source": "amplitude", **query}
        return client.post("/import-events", data=data, headers=tenant.bearer | (headers or {}), query_string=query)

    return sent


def test_each_upload_is_an_import(admin, send):
    named = {"Content-Disposition": "attachment; filename*=UTF-8''M%C3%A4rz.json"}
    assert send(file_of("1", "2") + b"{}\n", named, app_package="com.x").status_code == 200
    assert send(file_of("2", "3")).status_code == 200
    answer = admin.get("imports").json
    assert answer["next_cursor"] is None
    assert answer["data"] == [
        {"number": 2, "source": "amplitude", "app_package": None, "file": None, "received_at": iso(NOW_MS),
         "imported": 1, "skipped": 0, "duplicates": 1, "undone_at": None},
        {"number": 1, "source": "amplitude", "app_package": "com.x", "file": "März.json", "received_at": iso(NOW_MS),
         "imported": 2, "skipped": 1, "duplicates": 0, "undone_at": None},
    ]  # fmt: skip


def test_a_batch_a_dry_run_and_an_upload_without_a_row_are_none(admin, send, client, tenant):
    body = {"source": "amplitude", "events": [{"event_type": "a", "device_id": "d", "event_time": "2026-06-01"}]}
    assert client.post("/import-events", json=body, headers=tenant.bearer).status_code == 200
    assert send(file_of("1"), dry_run="1").status_code == 200
    assert send(b"").status_code == 400
    assert admin.get("imports").json == {"data": [], "next_cursor": None}


def test_pages_show_each_import_once(admin, send):
    for number in range(5):
        send(file_of(str(number)))
    seen, asked = [], {"limit": 2}
    while True:
        answer = admin.get("imports", **asked).json
        seen += [each["number"] for each in answer["data"]]
        if answer["next_cursor"] is None:
            break
        asked["cursor"] = answer["next_cursor"]
    assert seen == [5, 4, 3, 2, 1]


def test_a_project_sees_its_own_only(admin, send, client, make_tenant):
    other = make_tenant("other")
    send(file_of("1"))
    assert Admin(client, other.project_id, other.secret_key).get("imports").json["data"] == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [({"limit": "0"}, "INVALID_LIMIT"), ({"cursor": "x"}, "INVALID_CURSOR"), ({"since": "7d"}, "INVALID_FILTER")],
    ids=str,
)
def test_what_cannot_be_asked(admin, asked, code):
    assert error_of(admin.get("imports", **asked)) == (400, code)
