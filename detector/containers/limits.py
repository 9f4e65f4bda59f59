"""Limits on reading one outermost container."""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_DEPTH = 8
MAX_MEMBERS = 200_000
MIN_BUDGET_BYTES = 256 << 20
MAX_BUDGET_BYTES = 16 << 30
MAX_RATIO = 200
"""The unpacked size may be this many times the size of the container; at least `MIN_BUDGET_BYTES` are allowed."""
MAX_SECONDS = 600.0
MAX_IN_MEMORY = 512 << 20
"""A container inside another that cannot be read as a stream is read into memory up to this size in bytes."""

ENCRYPTED = "is protected by a password"


class LimitExceeded(Exception):
    """The container exceeds a limit; the message names which."""


class UnpackBudget:
    """How many bytes and members of one outermost container may still be read, and until when."""

    def __init__(self, size: int, now: Callable[[], float] = time.monotonic) -> None:
        self.bytes = min(max(MAX_RATIO * size, MIN_BUDGET_BYTES), MAX_BUDGET_BYTES)
        self.members = MAX_MEMBERS
        self._now = now
        self._end = now() + MAX_SECONDS

    def count_bytes(self, count: int) -> None:
        """Subtract bytes that were read and check the time. Raises `LimitExceeded`."""
        self.bytes -= count
        if self.bytes < 0:
            raise LimitExceeded("unpacks to more bytes than the limit; the remaining ones were not scanned")
        self._check_time("content was")

    def count_member(self) -> None:
        """Subtract one member and check the time. Raises `LimitExceeded`."""
        self.members -= 1
        if self.members < 0:
            raise LimitExceeded(f"contains more than {MAX_MEMBERS} members; the remaining ones were not scanned")
        self._check_time("members were")

    def _check_time(self, remaining: str) -> None:
        if self._now() > self._end:
            raise LimitExceeded(f"takes longer than {MAX_SECONDS:g} seconds; the remaining {remaining} not scanned")
