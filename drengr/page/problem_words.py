"""What each reason of the ledger means, and what to do about it: one sentence each (contract 10)."""

from drengr.events.outcomes import DROPPED, REFUSED

DOOR_WORDS = {"acceptor": "Acceptor (SDKs)", "importer": "Importer", "admin": "Admin API"}
# reason: (what happened, what to do)
WORDS = {
    "unreadable": (
        "A row was no JSON object, or a line of a file could not be read.",
        "Look at what builds the request or the file: every event is an object of its own.",
    ),
    "no_name": (
        "An event came without a name.",
        "Find the call that tracks it, and give it a name that is not empty (event_type at Amplitude's SDKs).",
    ),
    "no_id": (
        "An event came with neither a user id nor a device id.",
        "Send user_id or device_id with every event; SDKs do it once they are initialised.",
    ),
    "bad_time": (
        "The time of an event cannot be read, is before 2000, or is more than a day ahead.",
        "Send milliseconds since 1970 or ISO-8601, and look at the clock of the machine that sends.",
    ),
    "too_old": (
        "An event is older than this project keeps.",
        "Nothing is wrong if old data is being sent; to keep it, let Settings keep events for longer first.",
    ),
    "erased": (
        "An event belongs to somebody who was erased, from before the erasure.",
        "Nothing to do: that is what an erasure is for. The sender still has a copy that it sends again.",
    ),
    "bad_key": (
        "A request came with a key that opens nothing here: unknown, revoked, or none.",
        "Compare the app's key with the publishable key in Settings.",
    ),
    "secret_key": (
        "An app sent a secret key, which can read everything, in the place of a publishable one.",
        "Put the publishable key into the app, then rotate the secret key in Settings: whoever has the app has it.",
    ),
    "not_json": (
        "The body of a request was no JSON.",
        "Look at what builds the request; a proxy that changes or cuts bodies does this too.",
    ),
    "bad_request": (
        "A request was JSON, but not of the form that this door takes.",
        "Compare it with the example in the documents of the API; the answer to it says what was missing.",
    ),
    "too_large": (
        "A request was larger than this door takes.",
        "Send fewer events at once. Amplitude's SDKs halve their batches by themselves.",
    ),
    "quota": (
        "The project's events of that day were used up.",
        "Raise DRENGR_DAILY_EVENT_QUOTA if these events are wanted; SDKs send them again later.",
    ),
    "timeout": (
        "A request took too long to arrive.",
        "Slow networks do this now and then; if it is often, look at the proxy before the service.",
    ),
    "unavailable": (
        "The service could not store at that moment: busy, or the disk or database was not ready.",
        "Run drengr doctor on its machine. SDKs send again what was refused so.",
    ),
}  # fmt: skip

assert WORDS.keys() >= {*DROPPED, *REFUSED}
