"""How many wait for a place: each of them has a thread that others need (contract 4, 503)."""

import pytest

from drengr.api import gate
from drengr.store import Busy


def test_long_pages_wait_for_their_turn_only_in_small_numbers(app, monkeypatch):
    monkeypatch.setattr(gate, "_GIVE_UP_S", 60.0)
    monkeypatch.setattr(gate, "_PAGES_WAITING", 0)
    places = gate.Gate(16)
    with app.test_request_context(), places.page(1000), places.page(1000):
        with places.page(100), places.at_work():
            pass
        with pytest.raises(Busy), places.page(1000):
            pass
    with places.page(1000):
        pass
