"""A browser's view of the page: signed in, and not."""

import re

import pytest

from drengr.events.times import DAY_MS, HOUR_MS
from tests.conftest import NOW_MS
from tests.factories import amplitude_event, envelope

DEVICE = "8f6f2b34-1111-4222-8333-1234567890{:02d}"


@pytest.fixture
def sign_in(client):
    """sign_in(tenant) → its address below /ui/; the client has the cookie."""

    def enter(tenant) -> str:
        answer = client.post("/ui/sign-in", data={"key": tenant.secret_key})
        assert answer.status_code == 303
        return answer.headers["Location"].rstrip("/")

    return enter


@pytest.fixture
def here(sign_in, tenant) -> str:
    """The address of a project that the client is signed in to, without a slash at its end."""
    return sign_in(tenant)


@pytest.fixture
def cookie_of():
    """cookie_of(answer) → (name, value, the attributes as sent) of the cookie that it sets."""

    def cookie(answer) -> tuple[str, str, str]:
        return re.fullmatch(r"([^=]+)=([^;]*); (.*)", answer.headers["Set-Cookie"]).groups()

    return cookie


@pytest.fixture
def month(client, here, tenant) -> str:
    """Some weeks of three people; the address of their project."""
    events = []
    for day in range(20):
        at = NOW_MS - day * DAY_MS - HOUR_MS
        for person in range(1 + day % 3):
            who = {"user_id": f"user_{person}", "device_id": DEVICE.format(person)}
            events.append(amplitude_event(time=at, **who))
            events.append(amplitude_event(event_type="Page Viewed", time=at - 5000, **who, event_properties={"n": day}))
    assert client.post("/batch", json=envelope(tenant.publishable_key, *events)).status_code == 200
    return here
