"""The one clock of the store and of everything above it."""

import time


def now_ms() -> int:
    """Epoch ms UTC, now."""
    return time.time_ns() // 1_000_000
