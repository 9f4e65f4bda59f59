"""What is told, and what a channel promises.

An `Event` is plain text that knows nothing of Slack or of mail. Whatever in it
came out of a scanned repository (paths, branches, authors) is still foreign:
every channel passes it through its own escape. A channel turns an event into a
`Draft`, which is exactly what would be sent without the credentials that send
it, so that a dry run can show it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from detector.errors import LeakfirstError

if TYPE_CHECKING:
    from detector.net.http_client import Reply, Request

OPENED = "opened"
CONFIRMED = "confirmed"
CONTAINED = "contained"
DEPENDENTS = "dependents"
WAITING = "waiting"
ESCALATED = "escalated"
ACKNOWLEDGED = "acknowledged"
PROVEN = "proven"
CLOSED = "closed"
PHASES = (OPENED, CONFIRMED, CONTAINED, DEPENDENTS, WAITING, ESCALATED, ACKNOWLEDGED, PROVEN, CLOSED)

MOST_LINES = 40
"""Lines of detail that any channel shows; the rest is counted."""


class Link(NamedTuple):
    """A name and where it leads: an https address, or a command to type."""

    name: str
    target: str


class Event(NamedTuple):
    """One thing that happened in an incident.

    `key` is what makes two events the same one: it is told once for each
    destination. `owner` is set when the event is the work list of one person;
    with `only_owner` nobody but a channel of work lists is told.
    """

    incident: str
    phase: str
    summary: str
    key: str
    counts: tuple[tuple[str, int], ...] = ()
    owner: str = ""
    lines: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    at: str = ""
    urgent: bool = False
    only_owner: bool = False

    @property
    def thread(self) -> str:
        """Name what later events of the same incident (and person) continue."""
        return f"{self.incident}/{self.owner}" if self.owner else self.incident

    @property
    def marker(self) -> str:
        """A short text by which what was written for this thread is found again."""
        return "leakfirst-" + hashlib.sha256(self.thread.encode("utf-8", "surrogatepass")).hexdigest()[:20]


class Draft(NamedTuple):
    """What would be sent, and to whom, without the sender's credentials."""

    to: str
    body: str | Mapping[str, Any]
    event: Event

    def shown(self) -> str:
        """Return the draft as a dry run prints it."""
        body = self.body if isinstance(self.body, str) else json.dumps(self.body, indent=1)
        return f"{self.to}\n{body}"


class NotTaken(LeakfirstError):
    """A destination did not take a message; `after` is when to try again, None for never."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


Send = Callable[["Request"], "Reply"]
Settings = Mapping[str, Any]


class Channel(Protocol):
    """detector/incident/notify/<name>.py: one way to tell people."""

    SETTINGS: frozenset[str]
    """The keys that a destination of this channel may have."""
    PER_OWNER: bool
    """Whether it only takes the work list of one person."""

    def draft(self, event: Event, settings: Settings) -> Draft:
        """Return what would be sent. Opens nothing, needs no credential."""

    def deliver(self, draft: Draft, settings: Settings, thread: str, send: Send) -> str:
        """Send it and return what continues the thread; *thread* is what the last one returned.

        Raises `NotTaken`.
        """


def title(event: Event) -> str:
    """Return the event on one line."""
    return f"[{event.incident}] {event.phase}: {event.summary}"


def counted(event: Event) -> str:
    """Return the counts on one line."""
    return ", ".join(f"{name} {number}" for name, number in event.counts)


def shown_lines(event: Event, most: int = MOST_LINES) -> list[str]:
    """Return the lines of detail, the last one saying how many were left out."""
    lines = list(event.lines[:most])
    if len(event.lines) > most:
        lines.append(f"… and {len(event.lines) - most} more")
    return lines
