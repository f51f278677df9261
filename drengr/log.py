"""A log that does not grow with the number of clients: one line a second about a fault, and how many it stands for."""

import logging
import time


class OneASecond(logging.Filter):
    """Lets one record a second pass; the next one says how many it stands for."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return False
        if self._left_out:
            record.msg, record.args = f"{record.getMessage()} (and {self._left_out} more like it)", ()
        self._next, self._left_out = now + 1.0, 0
        return True


faults = logging.getLogger("drengr.faults")
faults.addFilter(OneASecond())
