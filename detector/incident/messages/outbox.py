"""Send events to the destinations of the operator's configuration: redacted, once each, rate-limited, with retries.

A delivered event is recorded under its key for each destination, so a run that was
killed and started again sends nothing twice. The exception is a message that was in
flight: there the receiver's own deduplication key helps, if it has one. An unreachable
destination never blocks an incident: it is reported, and the next run tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol, cast

from detector.errors import LeakfirstError, UsageError
from detector.incident.messages.event import Channel, DeliveryFailed, Draft, IncidentEvent, Link, Phase, Send
from detector.net.log_silencing import silence_client_logs
from detector.registry import check_contract, load_plugin
from rotators.core.model import Clock

PACKAGE = "detector.incident.notify"
COMMON_SETTINGS = frozenset({"channel", "phases", "per_hour"})

MAX_ATTEMPTS = 4
MAX_WAIT = 120.0
"""Seconds that one message may wait for one destination; after that, it is left to the next run."""

Redact = Callable[[str], str]
"""Replaces every credential in a text by its redacted form."""


class NotifyDestination(NamedTuple):
    """A ``[notify.NAME]`` table of the operator's configuration."""

    name: str
    channel: str
    phases: tuple[str, ...]
    per_hour: int
    settings: Mapping[str, Any]

    def wants(self, event: IncidentEvent) -> bool:
        """Return whether this destination receives *event*."""
        return any(fnmatchcase(event.phase, glob) for glob in self.phases)


class DeliveryResult(NamedTuple):
    """The result of one event at one destination: `why` is empty unless the delivery failed.

    `sent` is False for an event that had been delivered before.
    """

    destination: str
    event: IncidentEvent
    sent: bool
    why: str = ""


class DeliveryStore(Protocol):
    """The delivered events, kept between runs."""

    def was_delivered(self, destination: str, key: str) -> bool:
        """Return whether *destination* accepted the event *key* before."""

    def find_thread(self, destination: str, thread: str) -> str:
        """Return the receiver's id of *thread* at *destination*, or an empty string."""

    def count_since(self, destination: str, since: float) -> int:
        """Count the messages accepted after *since* (seconds since the epoch)."""

    def record(self, destination: str, event: IncidentEvent, thread: str, at: float) -> None:
        """Record that *destination* accepted *event* at *at*."""


def read_destinations(operator: Mapping[str, Any]) -> dict[str, NotifyDestination]:
    """Read the ``[notify.NAME]`` tables. Raises `UsageError`."""
    tables = operator.get("notify", {})
    if not isinstance(tables, Mapping):
        raise UsageError("notify in the operator's configuration must consist of tables: [notify.NAME]")
    return {name: _read_destination(name, table) for name, table in tables.items()}


def _read_destination(name: str, table: Any) -> NotifyDestination:
    where = f"[notify.{name}]"
    if not isinstance(table, Mapping) or not isinstance(table.get("channel"), str):
        raise UsageError(f'{where} needs a channel, for example channel = "slack"')
    channel = _load_channel(table["channel"])
    known = COMMON_SETTINGS | channel.SETTINGS
    for key in table:
        if key not in known:
            raise UsageError(f"{where} has no setting {key!r}; known: {', '.join(sorted(known))}")
    phases = table.get("phases", ["*"])
    if not isinstance(phases, list) or not all(isinstance(phase, str) for phase in phases):
        raise UsageError(f"{where} phases must be a list")
    for glob in phases:
        if not any(fnmatchcase(phase, glob) for phase in Phase):
            raise UsageError(f"{where} phases: {glob!r} matches none of {', '.join(Phase)}")
    settings = {key: value for key, value in table.items() if key not in COMMON_SETTINGS}
    return NotifyDestination(name, table["channel"], tuple(phases), int(table.get("per_hour", 60)), settings)


def _load_channel(name: str) -> Channel:
    """Return the channel *name*. Raises `UsageError` if there is none or if it does not fulfil `Channel`."""
    module = load_plugin(PACKAGE, name, what="channel")
    check_contract(module, Channel, "channel")
    return cast("Channel", module)


class Outbox:
    """Sends every event of an incident."""

    def __init__(
        self,
        destinations: Mapping[str, NotifyDestination],
        store: DeliveryStore,
        clock: Clock,
        redact: Redact,
        send: Send | None = None,
    ) -> None:
        """*redact* redacts credentials in texts; *send* replaces the HTTP client in tests."""
        self._destinations, self._store, self._clock, self._redact = destinations, store, clock, redact
        self._send = send

    def preview(self, event: IncidentEvent, names: Sequence[str] = ()) -> Iterator[tuple[NotifyDestination, Draft]]:
        """Yield what would be sent to which destination; opens no connection and records nothing."""
        event = redact_event(event, self._redact)
        for destination in self._select_destinations(event, names):
            if not self._store.was_delivered(destination.name, event.key):
                yield destination, _load_channel(destination.channel).draft(event, destination.settings)

    def send(self, event: IncidentEvent, names: Sequence[str] = ()) -> list[DeliveryResult]:
        """Send *event* to every subscribed destination (or to *names*) that has not received it; return the results."""
        event = redact_event(event, self._redact)
        return [self._send_once(event, destination) for destination in self._select_destinations(event, names)]

    def _select_destinations(self, event: IncidentEvent, names: Sequence[str]) -> list[NotifyDestination]:
        for name in names:
            if name not in self._destinations:
                raise UsageError(f"the operator's configuration has no [notify.{name}]")
        chosen = [self._destinations[name] for name in names] if names else list(self._destinations.values())
        per_owner = {destination.name for destination in chosen if _load_channel(destination.channel).PER_OWNER}
        if not event.owner:
            chosen = [destination for destination in chosen if destination.name not in per_owner]
        elif event.only_owner:
            chosen = [destination for destination in chosen if destination.name in per_owner]
        return [destination for destination in chosen if destination.wants(event)]

    def _send_once(self, event: IncidentEvent, destination: NotifyDestination) -> DeliveryResult:
        if self._store.was_delivered(destination.name, event.key):
            return DeliveryResult(destination.name, event, sent=False)
        if (
            not event.urgent
            and self._store.count_since(destination.name, self._clock.now() - 3600) >= destination.per_hour
        ):
            return DeliveryResult(
                destination.name,
                event,
                sent=False,
                why=f"{destination.per_hour} messages per hour is the limit; not sent",
            )
        why = ""
        try:
            thread = self._deliver_with_retries(event, destination)
        except LeakfirstError as error:
            why = str(error)
        except Exception as error:  # the message of a library may quote a URL that contains a token
            why = type(error).__name__
        if why:
            return DeliveryResult(destination.name, event, sent=False, why=why)
        self._store.record(destination.name, event, thread, self._clock.now())
        return DeliveryResult(destination.name, event, sent=True)

    def _is_over_limit(self, destination: NotifyDestination) -> bool:
        return self._store.count_since(destination.name, self._clock.now() - 3600) >= destination.per_hour

    def _deliver_with_retries(self, event: IncidentEvent, destination: NotifyDestination) -> str:
        from detector.incident.messages import transport

        channel = _load_channel(destination.channel)
        draft = channel.draft(event, destination.settings)
        before = self._store.find_thread(destination.name, event.thread)
        waited = 0.0
        with silence_client_logs(other_libraries=True):
            for attempt in range(MAX_ATTEMPTS):
                try:
                    return channel.deliver(draft, destination.settings, before, self._send or transport.send)
                except DeliveryFailed as error:
                    if error.retry_after is None or attempt == MAX_ATTEMPTS - 1:
                        raise
                    wait = max(error.retry_after, 2.0**attempt)
                    waited += wait
                    if waited > MAX_WAIT:
                        raise DeliveryFailed(f"{error}; it asks to wait {error.retry_after:.0f} s") from None
                    self._clock.sleep(wait)
        raise AssertionError("unreachable")


def redact_event(event: IncidentEvent, redact: Redact) -> IncidentEvent:
    """Return *event* with every text passed through *redact*; its key and phase contain no untrusted text."""
    return event._replace(
        summary=redact(event.summary),
        owner=redact(event.owner),
        lines=tuple(redact(line) for line in event.lines),
        links=tuple(Link(redact(name), redact(target)) for name, target in event.links),
    )
