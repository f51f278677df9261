"""A vendor's property bags in, dims and measures out (contract 3.2, 3.3).

The order of steps is part of the contract: drop sensitive keys, flatten one level, tell numbers from the rest, cut keys
and values, count.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

from drengr.events.jsontext import MAX_DEPTH, is_measure

MAX_DIMS = 40
MAX_MEASURES = 20
MAX_KEY = 64
MAX_VALUE = 256
FIRST_MEASURES = ("revenue", "total", "price", "quantity")
SENSITIVE_WORDS = ("email", "phone", "name", "address", "password", "token", "ssn", "card", "cvv")

# What an event may lose on the way, as bits of Event.changed: the words of contract 10.
VALUES_CUT, KEYS_OVER_LIMIT, KEYS_SENSITIVE, TIMES_REPLACED = 1, 2, 4, 8
CHANGES = {
    "values_cut": VALUES_CUT,
    "keys_over_limit": KEYS_OVER_LIMIT,
    "keys_sensitive": KEYS_SENSITIVE,
    "times_replaced": TIMES_REPLACED,
}
MAX_DROPPED = 10_000  # keys that are told of one event

# A path is only compared with allowed keys and cut to MAX_KEY, so a stem need not be longer: a key of half a megabyte
# over 10,000 children would be copied 10,000 times.
_LONGEST_STEM = 300
# Verdicts that are kept: a client that invents keys, or keys of a megabyte, must not fill the memory.
_MOST_REMEMBERED = 10_000
_REMEMBERED_KEY = 128


def changed_by(bits: Iterable[int]) -> Counter[str]:
    """How many events lost something, by the words of contract 10.

    bits  of CHANGES, for each event
    """
    kinds = Counter(bits)
    return Counter({word: sum(kinds[found] for found in kinds if found & bit) for word, bit in CHANGES.items()})


class SensitiveKeys:
    """Which property keys are dropped, because what lies under them may name a person.

    words    substrings that make a key sensitive, in any case
    allowed  full keys (`product_name`, `user.$set.plan_name`) that are kept all the same
    Source   contract 3.3

    >>> keys = SensitiveKeys(allowed=["product_name"])
    >>> keys.drops("Billing.eMail"), keys.drops("product_name"), keys.drops("plan")
    (True, False, False)
    """

    def __init__(self, words: Iterable[str] = (), allowed: Iterable[str] = ()) -> None:
        self._words = SENSITIVE_WORDS + tuple(word.lower() for word in words)
        self._allowed = frozenset(allowed)
        self._verdicts: dict[str, bool] = {}  # a dict look-up a key: this is asked for every property of every event

    def drops(self, path: str) -> bool:
        """Whether the property with this full key is dropped."""
        verdict = self._verdicts.get(path)
        if verdict is None:
            verdict = self._judge(path)
        return verdict and path not in self._allowed

    def is_sensitive(self, segment: str) -> bool:
        """Whether a key, or one segment of its path, holds a sensitive word."""
        verdict = self._verdicts.get(segment)
        return self._judge(segment) if verdict is None else verdict

    def allows(self, path: str) -> bool:
        """Whether the operator spared exactly this full key."""
        return path in self._allowed

    def word_in(self, segment: str) -> str | None:
        """The word that makes the key sensitive, for a report to the operator; None when there is none."""
        lowered = segment.lower()
        return next((word for word in self._words if word in lowered), None)

    def _judge(self, segment: str) -> bool:
        verdict = self.word_in(segment) is not None
        if len(segment) <= _REMEMBERED_KEY:
            if len(self._verdicts) >= _MOST_REMEMBERED:
                self._verdicts.clear()
            self._verdicts[segment] = verdict
        return verdict


def dims_and_measures(
    bags: Iterable[tuple[str, object]],
    system: dict[str, str],
    sensitive: SensitiveKeys,
    dropped: list[str] | None = None,
) -> tuple[str, str, int]:
    """Dims and measures as two compact JSON objects, and the bits of CHANGES that say what was lost on the way.

    bags     (prefix of its keys, the bag), in order of precedence; anything but an object counts as empty
    system   dims that the service makes itself (os, device_model, app_version, _source_event_name)
    dropped  gets the full keys that are dropped as sensitive, cut, and no more than MAX_DROPPED of them
    shape    '{"os":"iOS 17.4","plan":"pro"}', '{"revenue":42.5}', 0
    Source   contract 3.2, 3.3, 10
    """
    dropped = [] if dropped is None else dropped
    dropped_before = len(dropped)
    changed = 0
    dims = dict(system)
    for key, text in system.items():
        if len(text) > MAX_VALUE:
            dims[key] = text[:MAX_VALUE]
            changed = VALUES_CUT
    measures: dict[str, int | float] = {}
    taken = set(dims)
    for path, value in _flat(bags, sensitive, dropped):
        key = path if len(path) <= MAX_KEY else path[:MAX_KEY]
        if key in taken:
            continue
        taken.add(key)
        if type(value) is not str and is_measure(value):
            measures[key] = value
            continue
        if len(dims) >= MAX_DIMS:
            changed |= KEYS_OVER_LIMIT
            continue
        text = value if type(value) is str else _dim_text(value, path, sensitive, dropped)
        if len(text) > MAX_VALUE:
            text = text[:MAX_VALUE]
            changed |= VALUES_CUT
        dims[key] = text
    if len(measures) > MAX_MEASURES:
        changed |= KEYS_OVER_LIMIT
    if len(dropped) > dropped_before:
        changed |= KEYS_SENSITIVE
    return orjson.dumps(dims).decode(), orjson.dumps(_chosen(measures)).decode(), changed


def _flat(
    bags: Iterable[tuple[str, object]], sensitive: SensitiveKeys, dropped: list[str]
) -> Iterator[tuple[str, object]]:
    """(full key, value) of every property that is kept, nested objects opened one level, in order of arrival."""
    for prefix, bag in bags:
        if not isinstance(bag, dict):
            continue
        for name, value in bag.items():
            path = prefix + name
            if isinstance(value, dict):
                yield from _children(path, value, sensitive, dropped)
            elif value is not None:
                if sensitive.drops(path):
                    _drop(path, dropped)
                else:
                    yield path, value


def _children(
    parent: str, bag: dict[str, object], sensitive: SensitiveKeys, dropped: list[str]
) -> Iterator[tuple[str, object]]:
    parent_is_sensitive = sensitive.is_sensitive(parent)
    stem = parent[:_LONGEST_STEM] + "."
    for name, value in bag.items():
        if value is None:
            continue
        path = stem + name
        if (parent_is_sensitive or sensitive.is_sensitive(name)) and not sensitive.allows(path):
            _drop(path, dropped)
        else:
            yield path, value


def _drop(path: str, dropped: list[str]) -> None:
    if len(dropped) < MAX_DROPPED:
        dropped.append(path[:_LONGEST_STEM])


def _chosen(measures: dict[str, int | float]) -> dict[str, int | float]:
    """At most MAX_MEASURES, the well-known ones first, then in order of arrival."""
    if len(measures) > 1 and not measures.keys().isdisjoint(FIRST_MEASURES):
        measures = {key: measures[key] for key in FIRST_MEASURES if key in measures} | measures
    return measures if len(measures) <= MAX_MEASURES else dict(islice(measures.items(), MAX_MEASURES))


def _dim_text(value: object, path: str, sensitive: SensitiveKeys, dropped: list[str]) -> str:
    """Text of what is neither text nor a number that a measure can hold."""
    if isinstance(value, str):
        return str(value)  # a LongInteger
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return orjson.dumps(_kept(value, path, sensitive, dropped, 0)).decode()
    return _number_text(value)


def _number_text(value: object) -> str:
    """A number that no measure can hold: an integer past 64 bits, NaN, an infinity."""
    if isinstance(value, float):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return str(value)


def _kept(value: object, path: str, sensitive: SensitiveKeys, dropped: list[str], depth: int) -> object:
    """The nested value without the keys that are sensitive at any depth; null where it is nested beyond MAX_DEPTH."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [_kept(each, path, sensitive, dropped, depth + 1) for each in value]
    if isinstance(value, dict):
        stem = path[:_LONGEST_STEM] + "."
        bag = {}
        for key, each in value.items():
            if sensitive.is_sensitive(key) and not sensitive.allows(stem + key):
                _drop(stem + key, dropped)
            else:
                bag[key] = _kept(each, stem + key, sensitive, dropped, depth + 1)
        return bag
    return value
