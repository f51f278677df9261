"""What is raised when a file cannot be read on (contract 5, whole files)."""


class BrokenFile(Exception):
    """The file cannot be read on; what was read before stays. The text is a clause for whoever sent it.

    whole  whether every byte of the text came, though a checksum says that they are not those that were packed
    """

    def __init__(self, text: str, *, whole: bool = False) -> None:
        super().__init__(text)
        self.whole = whole


class Enough(Exception):
    """No more of the file is wanted: a row that is cut here is none."""
