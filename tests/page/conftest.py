"""A browser's view of the page: signed in, and not."""

import re

import pytest


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
