"""The log of an incident: what was found, decided, done and sent, in order of time.

The log is in the state database, so that anybody with access to it can continue the
incident. Lines are only added, never changed. Each contains the hash of the line before
it, and the incident's row contains the number and hash of the last line, so that an
edited line and a missing line are both detected. A line that repeats the last one of its
kind and subject is not written: repeating a step that changes nothing adds nothing.

Facts are redacted forms, keyed fingerprints, locations and ids, never values.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update  # noqa: TID253  (this module is imported only where needed)

from detector.errors import LeakfirstError, StateError, UsageError
from detector.incident.model import LineKind, LogLine, Note, to_canonical_json
from detector.incident.tables import incident_log, incident_searches, incidents, messages
from detector.incident.timeline import format_time
from rotators.core.model import Clock

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from detector.fleet.state.store import State
    from detector.incident.messages.event import IncidentEvent

RELOCK_SECONDS = 600.0
"""How long a search waits at its end for whoever acts on the incident meanwhile."""

GENESIS = hashlib.sha256(b"leakfirst incident log 1").hexdigest()


class IncidentLocked(LeakfirstError):
    """Another process is working on the incident."""


class Ledger:
    """The log of one incident, for one writer. Its methods may be called from several threads."""

    def __init__(self, state: State, incident_id: str, clock: Clock, by: str) -> None:
        self._state, self.incident_id, self._clock, self.by = state, incident_id, clock, by
        self._lock = threading.Lock()
        self._lines: list[LogLine] = []
        self._latest: dict[tuple[str, str], str] = {}
        self._refresh()

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """All lines, including those that other writers added meanwhile."""
        with self._lock:
            self._refresh()
            return tuple(self._lines)

    def add(self, kind: LineKind, subject: str = "", /, **facts: Any) -> bool:
        """Add one line unless it repeats the last one of its kind and subject; return whether it was added."""
        return bool(self.add_all([Note(kind, subject, facts)]))

    def add_all(self, notes: Sequence[Note]) -> int:
        """Add those of *notes* that are new, all or none; return how many."""
        if not notes:
            return 0
        with self._lock:
            self._refresh()
            if all(self._is_repeated(note) for note in notes):
                return 0
            with self._state.write() as db:
                row = db.execute(select(incidents).where(incidents.c.id == self.incident_id).with_for_update()).one()
                self._load_new(db)
                fresh = list(self._chain([note for note in notes if not self._is_repeated(note)], row.lines, row.head))
                if fresh:
                    db.execute(insert(incident_log), [_to_row(self.incident_id, line) for line in fresh])
                    last = {"lines": fresh[-1].n, "head": fresh[-1].hash}
                    db.execute(update(incidents).where(incidents.c.id == self.incident_id).values(last))
            self._append(fresh)
            return len(fresh)

    def load_searched(self) -> dict[str, str]:
        """Return the refs of the repositories that were searched for dependents, by key. It is no part of the chain."""
        chosen = select(incident_searches).where(incident_searches.c.incident == self.incident_id)
        with self._state.read() as db:
            return {row.repository: row.refs for row in db.execute(chosen)}

    def record_searched(self, refs: Mapping[str, str]) -> None:
        """Record that repositories were searched completely, with their refs; one without refs is searched again."""
        from detector.fleet.state.store import upsert

        rows = [
            {"incident": self.incident_id, "repository": key, "refs": value} for key, value in refs.items() if value
        ]
        with self._state.write() as db:
            upsert(db, incident_searches, rows, ("incident", "repository"), ("refs",))

    def _is_repeated(self, note: Note) -> bool:
        return self._latest.get((note.kind, note.subject)) == to_canonical_json(dict(note.facts))

    def _chain(self, notes: Iterable[Note], n: int, prev: str) -> Iterator[LogLine]:
        at = format_time(self._clock.now())
        for number, note in enumerate(notes, n + 1):
            line = LogLine(number, at, note.kind, note.subject, dict(note.facts), self.by, prev)
            line = line._replace(hash=compute_hash(line))
            prev = line.hash
            yield line

    def _refresh(self) -> None:
        with self._state.read() as db:
            self._load_new(db)

    def _load_new(self, db: Connection) -> None:
        after = self._lines[-1].n if self._lines else 0
        rows = db.execute(
            select(incident_log)
            .where(incident_log.c.incident == self.incident_id, incident_log.c.n > after)
            .order_by(incident_log.c.n)
        )
        self._append([_from_row(row) for row in rows])

    def _append(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            self._lines.append(line)
            self._latest[line.kind, line.subject] = to_canonical_json(dict(line.facts))


def open_incident(state: State, title: str, facts: dict[str, Any], clock: Clock, by: str) -> str:
    """Create an incident with its first line; return its id."""
    at = format_time(clock.now())
    name = f"{at[:10]}-{secrets.token_hex(3)}"
    line = LogLine(1, at, LineKind.OPENED, "", {"title": title, **facts}, by, GENESIS)
    line = line._replace(hash=compute_hash(line))
    with state.write() as db:
        db.execute(insert(incidents).values(id=name, title=title, opened=at, lines=1, head=line.hash))
        db.execute(insert(incident_log), [_to_row(name, line)])
    return name


def resolve_incident(state: State, name: str) -> str:
    """Return the id that is, begins or ends with *name*; without a name, that of the only open incident.

    Raises `UsageError`.
    """
    ids = list_incidents(state)
    found = [one for one in ids if one == name] or [one for one in ids if one.startswith(name) or one.endswith(name)]
    found = found if name else list_candidates(state)
    if len(found) != 1:
        raise UsageError(_explain_ambiguity(state, name, found))
    return found[0]


def _explain_ambiguity(state: State, name: str, found: Sequence[str]) -> str:
    what = f"named {name!r}" if name else "open"
    ids = list_incidents(state)
    if not ids:
        return f"no incident is {what}; create one with leakfirst respond open"
    if not found:
        return f"no incident is {what}; known: {', '.join(ids[-10:])}"
    with state.read() as db:
        titles = {row.id: row.title for row in db.execute(select(incidents.c.id, incidents.c.title))}
    some = ", ".join(f"{one} ({titles[one]})" for one in found[-10:])
    if not name and not _list_open(state):
        return f"no incident is open; name one: {some}"
    return f"{len(found)} incidents are {what}; name one: {some}"


def list_incidents(state: State) -> list[str]:
    """Return the ids of all incidents, oldest first."""
    with state.read() as db:
        return [str(row.id) for row in db.execute(select(incidents.c.id).order_by(incidents.c.opened, incidents.c.id))]


def list_candidates(state: State) -> list[str]:
    """Return the ids to choose from if no name is given: the open ones, or all if none is open."""
    return _list_open(state) or list_incidents(state)


def _list_open(state: State) -> list[str]:
    with state.read() as db:
        of_closed = select(incident_log.c.incident).where(incident_log.c.kind == LineKind.CLOSED.value)
        closed = {row.incident for row in db.execute(of_closed)}
    return [one for one in list_incidents(state) if one not in closed]


def verify_chain(state: State, incident_id: str) -> list[str]:
    """Return the problems of the hash chain of an incident's log; an empty list means that it is intact."""
    with state.read() as db:
        row = db.execute(select(incidents).where(incidents.c.id == incident_id)).one()
        lines = [
            _from_row(found)
            for found in db.execute(
                select(incident_log).where(incident_log.c.incident == incident_id).order_by(incident_log.c.n)
            )
        ]
    problems, prev = [], GENESIS
    for number, line in enumerate(lines, 1):
        if line.n != number:
            problems.append(f"line {number} is missing")
            break
        if line.prev != prev:
            problems.append(f"line {number} does not follow the line before it")
        elif compute_hash(line) != line.hash:
            problems.append(f"line {number} was changed after it was written")
        prev = line.hash
    if not problems and (len(lines), prev) != (row.lines, row.head):
        problems.append(f"{row.lines - len(lines)} line(s) are missing at the end")
    return problems


def compute_hash(line: LogLine) -> str:
    """Return the SHA-256 of a line, which covers the hash of the line before it."""
    body = {**line._asdict(), "facts": dict(line.facts)}
    del body["hash"]
    return hashlib.sha256(to_canonical_json(body).encode()).hexdigest()


def _to_row(incident_id: str, line: LogLine) -> dict[str, Any]:
    values = line._asdict()
    values["who"] = values.pop("by")
    facts = to_canonical_json(dict(line.facts))
    return {**values, "kind": str(line.kind), "incident": incident_id, "facts": facts}


_KINDS = {kind.value: kind for kind in LineKind}


def _from_row(row: Any) -> LogLine:
    kind: Any = _KINDS.get(row.kind, row.kind)  # a newer version may have written a kind that this one ignores
    return LogLine(row.n, row.at, kind, row.subject, json.loads(row.facts), row.who, row.prev, row.hash)


# -- locking ---------------------------------------------------------------------


class IncidentLock:
    """The lock of one incident, held by this process except while it searches elsewhere."""

    def __init__(self, state: State, incident_id: str) -> None:
        self._state, self._incident_id = state, incident_id
        self._held = ExitStack()

    def __enter__(self) -> IncidentLock:
        self._held.enter_context(lock_incident(self._state, self._incident_id))
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @contextmanager
    def release(self) -> Iterator[bool]:
        """Release the incident for the block, and hold the lock of its searches instead.

        Yields False if another process holds that one. Raises `IncidentLocked` if the incident is still locked
        `RELOCK_SECONDS` after the block.
        """
        with ExitStack() as searching:
            try:
                searching.enter_context(lock_incident(self._state, f"{self._incident_id} search"))
            except IncidentLocked:
                yield False
                return
            self._held.close()
            try:
                yield True
            finally:
                self._lock_again()

    def _lock_again(self) -> None:
        until = time.monotonic() + RELOCK_SECONDS
        while True:
            try:
                self._held.enter_context(lock_incident(self._state, self._incident_id))
                return
            except IncidentLocked:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)


@contextmanager
def lock_incident(state: State, incident_id: str) -> Iterator[None]:
    """Hold the lock of the incident. Raises `IncidentLocked` if another process holds it.

    PostgreSQL, or the kernel for a lock file beside an SQLite database, releases the lock
    when the process that holds it ends.
    """
    why = f"another process is working on {incident_id}; see 'leakfirst respond status'"
    if state.engine.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(incident_id.encode()).digest()[:8], "big", signed=True)
        with state.read() as db:
            if not db.execute(select(func.pg_try_advisory_lock(number))).scalar():
                raise IncidentLocked(why)
            try:
                yield
            finally:
                db.execute(select(func.pg_advisory_unlock(number)))
        return
    suffix = hashlib.sha256(incident_id.encode()).hexdigest()[:12]
    path = f"{os.path.realpath(state.engine.url.database or '')}.{suffix}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise IncidentLocked(why) from None
        yield
    finally:
        os.close(descriptor)


# -- delivered messages ----------------------------------------------------------


class SentMessages:
    """The delivered messages of all destinations, in the state database."""

    def __init__(self, state: State) -> None:
        self._state = state

    def was_delivered(self, destination: str, key: str) -> bool:
        """See `outbox.DeliveryStore`."""
        chosen = select(messages.c.at).where(messages.c.destination == destination, messages.c.key == key)
        with self._state.read() as db:
            return db.execute(chosen).first() is not None

    def find_thread(self, destination: str, thread: str) -> str:
        """See `outbox.DeliveryStore`."""
        chosen = (
            select(messages.c.continued)
            .where(messages.c.destination == destination, messages.c.thread == thread, messages.c.continued != "")
            .order_by(messages.c.at.desc())
        )
        with self._state.read() as db:
            return str(db.execute(chosen).scalar() or "")

    def count_since(self, destination: str, since: float) -> int:
        """See `outbox.DeliveryStore`."""
        chosen = select(func.count()).where(messages.c.destination == destination, messages.c.at > since)
        with self._state.read() as db:
            return int(db.execute(chosen).scalar_one())

    def record(self, destination: str, event: IncidentEvent, thread: str, at: float) -> None:
        """See `outbox.DeliveryStore`."""
        from detector.fleet.state.store import upsert

        row = {"destination": destination, "key": event.key, "thread": event.thread, "continued": thread, "at": at}
        with self._state.write() as db:
            upsert(db, messages, [row], ("destination", "key"), ("continued", "at"))
