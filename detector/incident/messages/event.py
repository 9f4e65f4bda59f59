"""The event that is sent to people, and the contract of a channel.

An `IncidentEvent` is plain text, independent of Slack or e-mail. Paths, branches
and authors in it come from scanned repositories and are untrusted: every channel
escapes them for its own format. A channel turns an event into a `Draft`: exactly
what is sent, without the sender's credentials, so that a dry run can print it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from detector.errors import LeakfirstError

if TYPE_CHECKING:
    from detector.net.http_client import Reply, Request


class Phase(StrEnum):
    """The kinds of events, in the order in which an incident usually produces them."""

    OPENED = "opened"
    CONFIRMED = "confirmed"
    CONTAINED = "contained"
    DEPENDENTS = "dependents"
    WAITING = "waiting"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    PROVEN = "proven"
    CLOSED = "closed"


MAX_LINES = 40
"""Lines of detail that a channel shows; the rest is only counted."""


class Link(NamedTuple):
    """A name with its target: an https address, or a command to type."""

    name: str
    target: str


class IncidentEvent(NamedTuple):
    """An event of an incident, or of a rotation.

    Two events with the same `key` are the same event: each destination receives it
    once. `owner` is set when the event is the work list of one person; with
    `only_owner` it goes only to channels that take work lists.
    """

    incident: str
    phase: Phase
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
        """The thread of the event: all events of one incident, or of one person in it."""
        return f"{self.incident}/{self.owner}" if self.owner else self.incident

    @property
    def marker(self) -> str:
        """A short text that identifies the thread in an issue tracker or mailbox."""
        return "leakfirst-" + hashlib.sha256(self.thread.encode("utf-8", "surrogatepass")).hexdigest()[:20]


class Draft(NamedTuple):
    """What is sent, and to which address, without the sender's credentials."""

    to: str
    body: str | Mapping[str, Any]
    event: IncidentEvent

    def render(self) -> str:
        """Return the draft as a dry run prints it."""
        body = self.body if isinstance(self.body, str) else json.dumps(self.body, indent=1)
        return f"{self.to}\n{body}"


class DeliveryFailed(LeakfirstError):
    """A destination did not accept a message. `retry_after` is in seconds, None for a final failure."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


Send = Callable[["Request"], "Reply"]
ChannelSettings = Mapping[str, Any]


class Channel(Protocol):
    """The contract of detector/incident/notify/<name>.py: one way to notify people."""

    SETTINGS: frozenset[str]
    """The keys that a destination of this channel may have."""
    PER_OWNER: bool
    """Whether the channel takes only events with an owner: the work list of one person."""

    def draft(self, event: IncidentEvent, settings: ChannelSettings) -> Draft:
        """Return what would be sent. Opens no connection, needs no credential."""

    def deliver(self, draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
        """Send *draft* and return the receiver's id of the thread; *thread* is the id that an earlier call returned.

        Raises `DeliveryFailed`.
        """


def format_title(event: IncidentEvent) -> str:
    """Return the event on one line."""
    return f"[{event.incident}] {event.phase}: {event.summary}"


def format_counts(event: IncidentEvent) -> str:
    """Return the counts on one line."""
    return ", ".join(f"{name} {number}" for name, number in event.counts)


def limit_lines(event: IncidentEvent, limit: int = MAX_LINES) -> list[str]:
    """Return at most *limit* lines of detail, and one more that counts the omitted ones."""
    lines = list(event.lines[:limit])
    if len(event.lines) > limit:
        lines.append(f"… and {len(event.lines) - limit} more")
    return lines
