"""Keys: contract 1."""

import re
from hashlib import sha256

import pytest

from drengr.keys import KINDS, bearer, key_hash, key_hint, new_key


@pytest.mark.parametrize(("kind", "prefix"), [("publishable", "drengr_pk_"), ("secret", "drengr_sk_")])
def test_a_key_has_its_prefix_and_at_least_128_random_bits_url_safe(kind, prefix):
    key = new_key(kind)
    assert KINDS[kind] == prefix
    random = key.removeprefix(prefix)
    assert re.fullmatch("[A-Za-z0-9_-]+", random)
    assert len(random) * 6 >= 128


def test_no_two_keys_are_equal():
    assert len({new_key("secret") for _ in range(1000)}) == 1000


def test_the_hash_is_the_keys_sha256_and_the_hint_too_short_to_be_of_use():
    key = new_key("secret")
    assert key_hash(key) == sha256(key.encode()).digest()
    assert key.startswith(key_hint(key).rstrip("…"))
    assert len(key) - len(key_hint(key).rstrip("…")) >= 22  # 132 bits stay unknown


def test_a_key_that_is_no_valid_text_can_be_hashed():
    assert len(key_hash("drengr_sk_\ud800")) == 32


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer k", "k"), ("bearer k", "k"), ("BEARER  k ", "k"), ("Basic k", None), ("Bearer", None),
        ("Bearer ", None), ("", None), (None, None), ("k", None), ("Bearerk", None),
    ],
    ids=repr,
)  # fmt: skip
def test_the_bearer_key_is_read_from_the_header(header, key):
    assert bearer(header) == key
