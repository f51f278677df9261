"""Property bags as exports really hold them: an object, or JSON text that holds one (contract 3.2)."""

from drengr.events.jsontext import read_json

_MOST_ENCODINGS = 2  # a warehouse writes the bag as text, the next one writes that text as JSON text


def bag_of(value: object, name: str, notes: list[str]) -> dict[str, object]:
    """The bag as an object, empty where it is absent or cannot be read.

    value   an object, JSON text of one encoded once or twice, or nothing: null, blank text, PHP's [] for an empty one
    name    of the field, for the note
    notes   gets a sentence when there is something that is no object

    >>> notes = []
    >>> bag_of('{"plan":"pro"}', "properties", notes), bag_of("{'plan': 'pro'}", "properties", notes), notes
    ({'plan': 'pro'}, {}, ['properties is no JSON object'])
    """
    if isinstance(value, dict):
        return value
    return object_of(decoded(value), name, notes)


def object_of(value: object, name: str, notes: list[str]) -> dict[str, object]:
    """The same of a value that was decoded already."""
    if isinstance(value, dict):
        return value
    if not _is_absent(value):
        notes.append(f"{name} is no JSON object")
    return {}


def decoded(value: object) -> object:
    """What JSON text holds, encoded once or twice; any other value, and text that is no JSON, as it is."""
    for _ in range(_MOST_ENCODINGS):
        if not isinstance(value, str):
            break
        try:
            value = read_json(value.encode())
        except ValueError:
            break
    return value


def _is_absent(value: object) -> bool:
    """Whether a bag's place holds nothing that could be lost."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())
