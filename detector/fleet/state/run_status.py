"""How a sweep ended."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """How a sweep ended; one that was killed stays `RUNNING`."""

    RUNNING = "running"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
