"""What a store raises, whichever store it is."""


class StoreError(Exception):
    """The store cannot do it now. Nothing of the request was stored; it is safe to send again.

    The text is one sentence for the operator, and may name the file. `public` is a clause for whoever asked: it names
    neither file, host nor user.
    """

    public = "the database cannot be used now"

    def __init__(self, text: str, public: str = public) -> None:
        super().__init__(text)
        self.public = public


class Busy(StoreError):
    """The write waited too long for its turn and was withdrawn."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, reason)


class TooLong(StoreError):
    """The question was still being answered at its deadline."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"this takes longer than {seconds:.0f} s; ask a shorter window", "ask a shorter window")


class DatabaseError(StoreError):
    """The database cannot be used until somebody mends it."""


class NoRoom(DatabaseError):
    """The disk of the database is full."""


class Unreachable(StoreError):
    """Nobody answers there now, or not us; that may pass by itself."""

    def __init__(self, text: str, public: str = "the database cannot be reached") -> None:
        super().__init__(text, public)


class UnknownProject(LookupError):
    """No project, or more than one, answers to what was asked for; the text says which there are."""
