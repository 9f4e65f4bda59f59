"""Send events to the destinations of the operator's file: redacted, once, at a bearable pace, with patience.

What was told is remembered under the event's key for each destination, so a
run that was killed and begun again says nothing twice (but for the message
that was under way: then the receiver's own key has to help, where it has one).
A destination that cannot be reached never holds up an incident; it is named,
and the next run tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from detector.errors import LeakfirstError, UsageError
from detector.incident.notify._event import PHASES, Draft, Event, Link, NotTaken, Send
from detector.registry import load
from rotators.core.hush import wire_silence
from rotators.core.model import Clock

PACKAGE = "detector.incident.notify"
COMMON = frozenset({"channel", "phases", "per_hour"})

TRIES = 4
LONGEST_WAIT = 120.0
"""Seconds that one message waits for one destination; longer, and the next run tries."""

Clean = Callable[[str], str]
"""Takes what looks like a credential out of a text."""


class Destination(NamedTuple):
    """A ``[notify.NAME]`` table of the operator's file."""

    name: str
    channel: str
    phases: tuple[str, ...]
    per_hour: int
    settings: Mapping[str, Any]

    def wants(self, event: Event) -> bool:
        """Tell whether this destination is told of *event*."""
        return any(fnmatchcase(event.phase, glob) for glob in self.phases)


class Told(NamedTuple):
    """What became of one event at one destination: empty `why` when it was taken.

    `sent` is False for what had been told before.
    """

    destination: str
    event: Event
    sent: bool
    why: str = ""


class Memory(Protocol):
    """What was told, kept between runs."""

    def told(self, destination: str, key: str) -> bool:
        """Tell whether the event *key* was taken before."""

    def thread(self, destination: str, thread: str) -> str:
        """Return what continues *thread* at *destination*, or the empty text."""

    def lately(self, destination: str, since: float) -> int:
        """Count the messages taken after *since*."""

    def note(self, destination: str, event: Event, thread: str, at: float) -> None:
        """Remember that *event* was taken."""


def destinations(operator: Mapping[str, Any]) -> dict[str, Destination]:
    """Read the ``[notify.NAME]`` tables. Raises `UsageError`."""
    tables = operator.get("notify", {})
    if not isinstance(tables, Mapping):
        raise UsageError("notify in the operator's file holds tables: [notify.NAME]")
    return {name: _destination(name, table) for name, table in tables.items()}


def _destination(name: str, table: Any) -> Destination:
    where = f"[notify.{name}]"
    if not isinstance(table, Mapping) or not isinstance(table.get("channel"), str):
        raise UsageError(f'{where} needs a channel, for example channel = "slack"')
    channel = _channel(table["channel"])
    known = COMMON | channel.SETTINGS
    for key in table:
        if key not in known:
            raise UsageError(f"{where} has no {key!r}; known: {', '.join(sorted(known))}")
    phases = table.get("phases", ["*"])
    if not isinstance(phases, list) or not all(isinstance(phase, str) for phase in phases):
        raise UsageError(f"{where} phases is a list")
    for glob in phases:
        if not any(fnmatchcase(phase, glob) for phase in PHASES):
            raise UsageError(f"{where} phases: {glob!r} fits none of {', '.join(PHASES)}")
    settings = {key: value for key, value in table.items() if key not in COMMON}
    return Destination(name, table["channel"], tuple(phases), int(table.get("per_hour", 60)), settings)


def _channel(name: str) -> ModuleType:
    return load(PACKAGE, name, what="channel")


class Outbox:
    """Everything that is told goes through here."""

    def __init__(
        self, places: Mapping[str, Destination], memory: Memory, clock: Clock, clean: Clean, send: Send | None = None
    ) -> None:
        """*clean* takes credentials out of texts; *send* is for tests."""
        self._places, self._memory, self._clock, self._clean = places, memory, clock, clean
        self._send = send

    def preview(self, event: Event, names: Sequence[str] = ()) -> Iterator[tuple[Destination, Draft]]:
        """Yield what would be sent where; nothing is opened and nothing remembered."""
        event = redacted(event, self._clean)
        for place in self._chosen(event, names):
            if not self._memory.told(place.name, event.key):
                yield place, _channel(place.channel).draft(event, place.settings)

    def tell(self, event: Event, names: Sequence[str] = ()) -> list[Told]:
        """Send *event* to whoever wants it (or to *names*) and has not been told; return what became of it."""
        event = redacted(event, self._clean)
        return [self._one(event, place) for place in self._chosen(event, names)]

    def _chosen(self, event: Event, names: Sequence[str]) -> list[Destination]:
        for name in names:
            if name not in self._places:
                raise UsageError(f"the operator's file has no [notify.{name}]")
        chosen = [self._places[name] for name in names] if names else list(self._places.values())
        per_owner = {place.name for place in chosen if _channel(place.channel).PER_OWNER}
        if not event.owner:
            chosen = [place for place in chosen if place.name not in per_owner]
        elif event.only_owner:
            chosen = [place for place in chosen if place.name in per_owner]
        return [place for place in chosen if place.wants(event)]

    def _one(self, event: Event, place: Destination) -> Told:
        if self._memory.told(place.name, event.key):
            return Told(place.name, event, sent=False)
        if not event.urgent and self._memory.lately(place.name, self._clock.now() - 3600) >= place.per_hour:
            return Told(
                place.name, event, sent=False, why=f"{place.per_hour} messages in an hour is the cap; held back"
            )
        why = ""
        try:
            thread = self._patiently(event, place)
        except LeakfirstError as error:
            why = str(error)
        except Exception as error:  # a library's words may quote an address with a token in it
            why = type(error).__name__
        if why:
            return Told(place.name, event, sent=False, why=why)
        self._memory.note(place.name, event, thread, self._clock.now())
        return Told(place.name, event, sent=True)

    def _patiently(self, event: Event, place: Destination) -> str:
        from detector.incident.notify import _http

        channel = _channel(place.channel)
        draft = channel.draft(event, place.settings)
        before = self._memory.thread(place.name, event.thread)
        waited = 0.0
        with wire_silence():
            for attempt in range(TRIES):
                try:
                    return str(channel.deliver(draft, place.settings, before, self._send or _http.send))
                except NotTaken as error:
                    if error.after is None or attempt == TRIES - 1:
                        raise
                    wait = max(error.after, 2.0**attempt)
                    waited += wait
                    if waited > LONGEST_WAIT:
                        raise NotTaken(f"{error}; it asks for {error.after:.0f} s") from None
                    self._clock.sleep(wait)
        raise AssertionError("unreachable")


def redacted(event: Event, clean: Clean) -> Event:
    """Return *event* with every text passed through *clean*; its key and phase are ours."""
    return event._replace(
        summary=clean(event.summary),
        owner=clean(event.owner),
        lines=tuple(clean(line) for line in event.lines),
        links=tuple(Link(clean(name), clean(target)) for name, target in event.links),
    )
