"""The times of an incident: which milestones a credential reached, and which deadline warnings are due.

Pure functions of ISO 8601 texts and of a `now` in seconds since the epoch. A milestone
that was not reached has no time. Milestones may be reached in any order: a key may be
found dead before anybody contained it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

MILESTONES = ("found", "confirmed", "contained", "reissued", "used", "dead")
"""`used` is the last time that the provider saw the old credential in use."""

DEADLINE = 48 * 3600
"""Seconds from the discovery to the deadline, by default."""

WARNINGS = (24 * 3600, 6 * 3600, 3600)
"""Seconds before the deadline at which open tasks are escalated, by default."""


class MilestoneTimes(NamedTuple):
    """When one credential reached each milestone (ISO 8601)."""

    found: str
    confirmed: str | None = None
    contained: str | None = None
    reissued: str | None = None
    used: str | None = None
    dead: str | None = None

    @property
    def latest(self) -> str:
        """The last milestone in the order of `MILESTONES` that was reached, `used` excepted."""
        reached = [name for name in MILESTONES if name != "used" and getattr(self, name) is not None]
        return reached[-1]


def parse_time(text: str) -> float:
    """Return an ISO 8601 text as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def format_time(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601 in UTC, in whole seconds.

    >>> format_time(0.9)
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(int(seconds // 1), UTC).isoformat(timespec="seconds")


def compute_deadline(found_at: str, seconds: float = DEADLINE) -> str:
    """Return the deadline of an incident that was found at *found_at*."""
    return format_time(parse_time(found_at) + seconds)


def list_due_warnings(found_at: str, due_at: str, now: float, warnings: Iterable[float] = WARNINGS) -> tuple[int, ...]:
    """Return the numbers of the warnings that are due: 1 is the earliest, the last is the deadline itself.

    A warning that would lie before *found_at* does not count. A short deadline has fewer
    warnings, but always one before it passes.
    """
    start, end = parse_time(found_at), parse_time(due_at)
    moments = [end - before for before in sorted(set(warnings), reverse=True) if 0 < before < end - start]
    if not moments and end > start:
        moments = [start + (end - start) / 2]
    return tuple(number for number, at in enumerate([*moments, end], 1) if now >= at)


def has_passed(due_at: str, now: float) -> bool:
    """Return whether the deadline *due_at* has passed."""
    return now >= parse_time(due_at)


def format_time_left(due_at: str, now: float) -> str:
    """Return the time to the deadline, or since it.

    >>> format_time_left("1970-01-01T02:00:00+00:00", 60), format_time_left("1970-01-01T00:00:00+00:00", 3600)
    ('1 h 59 min left', '1 h 0 min overdue')
    """
    seconds = parse_time(due_at) - now
    return f"{format_duration(abs(seconds))} {'left' if seconds > 0 else 'overdue'}"


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, rounded down.

    >>> format_duration(4.2), format_duration(75), format_duration(7500), format_duration(90000)
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


def format_elapsed(start: str | None, end: str | None) -> str:
    """Return the duration from *start* to *end*, empty if one of them is unknown."""
    if start is None or end is None:
        return ""
    return format_duration(max(parse_time(end) - parse_time(start), 0))
