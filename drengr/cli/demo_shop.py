"""A believable month of a small shop, as Amplitude's SDKs would have sent it: the same at every run. Pure."""

import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from drengr.events.times import DAY_MS, HOUR_MS

DAYS = 31
EVENTS = 50_000

_SEED = 20
_MINUTE_MS = 60_000
_JUST_NOW_MS = 4000
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 11, 12, 12, 13, 12, 11, 11, 12, 13, 15, 18, 20, 18, 12, 6)  # of a day, how busy
_WEEKDAYS = (10, 11, 10, 9, 8, 12, 14)  # from Monday
_CATEGORIES = {
    "tea": (("Assam, 250 g", 8.9), ("Darjeeling, 100 g", 11.5), ("Sencha, 100 g", 9.8), ("Rooibos, 250 g", 6.4)),
    "coffee": (("House blend, 500 g", 12.9), ("Sidamo, 250 g", 10.5), ("Decaf, 250 g", 9.9)),
    "kitchen": (("Teapot, 1.2 l", 34.0), ("Milk jug", 14.5), ("Two cups", 19.0), ("Kettle", 59.0)),
    "gifts": (("Tasting box", 24.9), ("Voucher", 25.0)),
}
_COUNTRIES = ("DE", "DE", "DE", "AT", "CH", "NL", "FR", "GB")
_PATHS = ("/", "/", "/", "/tea", "/coffee", "/kitchen", "/gifts", "/about", "/shipping")
_WORDS = ("sencha", "teapot", "decaf", "gift", "green tea", "קפה", "kettle", "shipping costs")
_DEVICES = (
    ("iOS", "17.4", "iPhone 14"), ("Android", "14", "Pixel 8"), ("Windows", "11", "PC"), ("Mac OS", "14.4", "Mac"),
)  # fmt: skip


class Visitor(NamedTuple):
    """Somebody who comes again, or does not."""

    device_id: str
    user_id: str | None  # once signed up
    device: tuple[str, str, str]
    country: str
    first_day: int  # of the month
    keenness: float  # chance to come again on a later day
    plan: str


def rows(now_ms: int) -> Iterator[dict[str, object]]:
    """Rows of events, oldest first, the last of them a few seconds before now."""
    chance = random.Random(_SEED)
    first_day = now_ms // DAY_MS - DAYS + 1
    found: list[dict[str, object]] = []
    for number in count():
        visitor = _visitor(number, chance, first_day)
        for day in range(visitor.first_day, DAYS):
            if day == visitor.first_day or chance.random() < visitor.keenness * _busy(first_day + day):
                visit = _visit(visitor, (first_day + day) * DAY_MS, day - visitor.first_day, chance)
                found += [row for row in visit if row["time"] <= now_ms - _JUST_NOW_MS]  # type: ignore[operator]
        if len(found) >= EVENTS:
            break
    yield from sorted(found[:EVENTS], key=lambda row: row["time"])  # type: ignore[arg-type, return-value]


def _visitor(number: int, chance: random.Random, first_day: int) -> Visitor:
    # A shop that grows a little: later days bring more new people.
    day = int(DAYS * chance.random() ** 0.7)
    while chance.random() > _busy(first_day + day):
        day = chance.randrange(DAYS)
    signs_up = chance.random() < 0.24
    return Visitor(
        f"{chance.getrandbits(32):08x}-{chance.getrandbits(16):04x}-4000-8000-{number:012x}",
        f"customer_{1000 + number}" if signs_up else None,
        chance.choice(_DEVICES),
        chance.choice(_COUNTRIES),
        day,
        0.34 if signs_up else 0.05,
        "club" if signs_up and chance.random() < 0.3 else "guest",
    )


def _busy(day: int) -> float:
    return _WEEKDAYS[(day + 3) % 7] / max(_WEEKDAYS)


def _visit(visitor: Visitor, midnight_ms: int, since_first: int, chance: random.Random) -> Iterator[dict[str, object]]:
    """The events of one session."""
    hour = chance.choices(range(24), _HOURS)[0]
    at = midnight_ms + hour * HOUR_MS + chance.randrange(HOUR_MS)
    session, signed_in = at, since_first > 0
    for name, properties in _clicks(visitor, signed_in, chance):
        if name in ("Signed Up", "Logged In"):
            signed_in = True
        system, version, model = visitor.device
        row = {
            "event_type": name, "time": at, "session_id": session, "device_id": visitor.device_id,
            "insert_id": f"{visitor.device_id[:18]}-{at:x}-{chance.getrandbits(24):06x}",
            "event_properties": properties,
            "os_name": system, "os_version": version, "device_model": model, "app_version": "3.2.1",
            "user_properties": {"country": visitor.country},
        }  # fmt: skip
        if visitor.user_id and signed_in:
            row |= {"user_id": visitor.user_id, "user_properties": {"country": visitor.country, "plan": visitor.plan}}
        yield row
        at += chance.randrange(4000, 2 * _MINUTE_MS)


def _clicks(visitor: Visitor, signed_in: bool, chance: random.Random) -> Iterator[tuple[str, dict[str, object]]]:
    yield "Page Viewed", {"path": chance.choice(_PATHS), "referrer": chance.choice(("", "search", "newsletter"))}
    if visitor.user_id and not signed_in and chance.random() < 0.8:
        yield "Signed Up", {"method": chance.choice(("form", "form", "link"))}
    elif visitor.user_id and chance.random() < 0.2:
        yield "Logged In", {}
    if chance.random() < 0.22:
        yield "Search", {"query": chance.choice(_WORDS), "results": chance.randrange(14)}
    basket: list[float] = []
    for _ in range(chance.choices(range(6), (24, 28, 22, 14, 8, 4))[0]):
        category = chance.choice(tuple(_CATEGORIES))
        product, price = chance.choice(_CATEGORIES[category])
        item = {"product": product, "category": category, "price": price}
        yield "Product Viewed", item
        if chance.random() < 0.24:
            basket.append(price)
            yield "Product Added", item
    if not basket or chance.random() > 0.62:
        if chance.random() < 0.03:
            yield "Newsletter Subscribed", {"place": "footer"}
        return
    total = round(sum(basket), 2)
    yield "Checkout Started", {"items": len(basket), "total": total}
    if chance.random() < 0.07:
        yield "Payment Failed", {"reason": chance.choice(("declined", "timeout")), "total": total}
    elif chance.random() < 0.7:
        paid_by = chance.choice(("invoice", "wallet", "transfer"))
        yield "Order Completed", {"items": len(basket), "revenue": total, "paid_by": paid_by, "currency": "EUR"}
