"""The clock of an incident: how far each credential is, and when somebody has to hear of it.

Pure functions of instants (ISO 8601 texts) and of a `now` that is handed in.
A phase that never happened has no instant; phases may be reached in any order
(a key may be found dead before anybody contained it).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

PHASES = ("found", "confirmed", "contained", "reissued", "used", "dead")
"""`used` is the last time that the issuer saw the old credential in use."""

DEADLINE = 48 * 3600
WARNINGS = (24 * 3600, 6 * 3600, 3600)
"""Seconds before the deadline at which what is still open is escalated."""


class Times(NamedTuple):
    """When one credential reached each phase."""

    found: str
    confirmed: str | None = None
    contained: str | None = None
    reissued: str | None = None
    used: str | None = None
    dead: str | None = None

    @property
    def phase(self) -> str:
        """Return the furthest phase that was reached; last use is none."""
        reached = [name for name in PHASES if name != "used" and getattr(self, name) is not None]
        return reached[-1]


def instant(text: str) -> float:
    """Return an ISO 8601 text as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def text(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601 in UTC, whole seconds.

    >>> text(0.9)
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(int(seconds // 1), UTC).isoformat(timespec="seconds")


def due(found_at: str, seconds: float = DEADLINE) -> str:
    """Return the deadline of what was found at *found_at*."""
    return text(instant(found_at) + seconds)


def warnings_due(found_at: str, due_at: str, now: float, warnings: Iterable[float] = WARNINGS) -> tuple[int, ...]:
    """Return the numbers of the escalations whose time has come, 1 for the earliest; the last is the deadline itself.

    A warning that lies before the incident was found does not count: a short
    deadline has fewer of them, but always one before it passes.
    """
    start, end = instant(found_at), instant(due_at)
    moments = [end - before for before in sorted(set(warnings), reverse=True) if 0 < before < end - start]
    if not moments and end > start:
        moments = [start + (end - start) / 2]
    return tuple(number for number, at in enumerate([*moments, end], 1) if now >= at)


def passed(due_at: str, now: float) -> bool:
    """Tell whether the deadline is over."""
    return now >= instant(due_at)


def left(due_at: str, now: float) -> str:
    """Say how much time there is.

    >>> left("1970-01-01T02:00:00+00:00", 60), left("1970-01-01T00:00:00+00:00", 3600)
    ('1 h 59 min left', '1 h 0 min over')
    """
    seconds = instant(due_at) - now
    return f"{lasting(abs(seconds))} {'left' if seconds > 0 else 'over'}"


def lasting(seconds: float) -> str:
    """Say how long something took.

    >>> lasting(4.2), lasting(75), lasting(7500), lasting(90000)
    ('4 s', '1 min 15 s', '2 h 5 min', '1 d 1 h')
    """
    span = timedelta(seconds=int(seconds))
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds_left = divmod(rest, 60)
    if span.days:
        return f"{span.days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds_left} s" if minutes else f"{seconds_left} s"


def between(start: str | None, end: str | None) -> str:
    """Say how long it took from *start* to *end*; empty where one of them is not known."""
    if start is None or end is None:
        return ""
    return lasting(max(instant(end) - instant(start), 0))
