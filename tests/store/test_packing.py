"""Ids as the file keeps them: what is packed comes back as it was sent."""

from hashlib import sha256
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drengr.store.sqlite.packing import packed_event_id, packed_id, plain_id

UUID = "0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d10"
DIGEST = sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    ("text", "size"),
    [(UUID, 16), (str(uuid4()), 16), ("00000000-0000-0000-0000-000000000000", 16), (DIGEST, 32)],
    ids=["canonical lower-case UUID", "random UUID", "nil UUID", "lower-case sha256"],
)
def test_what_has_a_shorter_form_is_packed(text, size):
    packed = packed_event_id(text)
    assert isinstance(packed, bytes) and len(packed) == size
    assert plain_id(packed) == text


@pytest.mark.parametrize(
    "text",
    [
        UUID.upper(), UUID.replace("-", ""), UUID[:-1], UUID + "0", "{" + UUID + "}", UUID.replace("0b", "0g"),
        UUID.replace("-", "_"), DIGEST.upper(), DIGEST[:-1], DIGEST + "0", "", "a", "é" * 36, "é" * 64, UUID + "\n",
        "\u0660" * 64, "-" * 36,
    ],
    ids=ascii,
)  # fmt: skip
def test_everything_else_stays_text(text):
    assert packed_event_id(text) == text
    assert plain_id(text) == text


def test_a_sha256_is_packed_as_an_event_id_only():
    assert packed_id(DIGEST) == DIGEST
    assert packed_id(UUID) == packed_event_id(UUID)


def test_nothing_stays_nothing():
    assert packed_id(None) is packed_event_id(None) is plain_id(None) is None


@given(st.uuids().map(str) | st.text() | st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_packing_loses_nothing(text):
    assert plain_id(packed_event_id(text)) == plain_id(packed_id(text)) == text
