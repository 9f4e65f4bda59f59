"""How much of one outermost container is read, and what is said of one that cannot be."""

from __future__ import annotations

import time
from collections.abc import Callable

DEPTH = 8
MEMBERS = 200_000
LEAST_BYTES = 256 << 20
MOST_BYTES = 16 << 30
RATIO = 200
"""What comes out of a container may be so many times its size, but at least `LEAST_BYTES`."""
SECONDS = 600.0
IN_MEMORY = 512 << 20
"""A container within another that cannot be read as a stream is held in memory up to this size."""

LOCKED = "is protected by a password"


class OverLimit(Exception):
    """The container holds more than may be read; the text says of what."""


class Budget:
    """What may still be read of one outermost container."""

    def __init__(self, size: int, now: Callable[[], float] = time.monotonic) -> None:
        self.bytes = min(max(RATIO * size, LEAST_BYTES), MOST_BYTES)
        self.members = MEMBERS
        self._now = now
        self._end = now() + SECONDS

    def take(self, count: int) -> None:
        """Count bytes that were read. Raises `OverLimit`."""
        self.bytes -= count
        if self.bytes < 0:
            raise OverLimit("unpacks to more bytes than are read; the rest was not looked at")

    def enter(self) -> None:
        """Count a member. Raises `OverLimit`."""
        self.members -= 1
        if self.members < 0:
            raise OverLimit(f"holds more than {MEMBERS} members; the rest was not looked at")
        if self._now() > self._end:
            raise OverLimit(f"takes longer than {SECONDS:g} seconds; the rest was not looked at")
