"""The log of an incident: what was found, decided, done and told, in the order it happened.

It lives in the state, so whoever has the state can go on where another one
stopped. A line is only added, never changed; each carries the hash of the one
before it, and the incident's row the number and hash of the last, so an edit
and a cut both show. A line that would say what the last one of its kind says is
not written: doing a step again leaves no trace when nothing has changed.

Facts are redacted forms, keyed fingerprints, places and ids, never values.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update  # noqa: TID253  (this module is itself imported late)

from detector.errors import LeakfirstError, StateError, UsageError
from detector.incident.model import CLOSED, OPENED, Line, Note, canonical
from detector.incident.tables import incident_log, incidents, messages
from detector.incident.timeline import text
from rotators.core.model import Clock

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from detector.fleet.state.store import State
    from detector.incident.notify._event import IncidentEvent

GENESIS = hashlib.sha256(b"leakfirst incident log 1").hexdigest()


class Busy(LeakfirstError):
    """Somebody else is working on the incident right now."""


class Ledger:
    """The log of one incident, for one writer; threads of it may write."""

    def __init__(self, state: State, incident: str, clock: Clock, by: str) -> None:
        self._state, self.incident, self._clock, self.by = state, incident, clock, by
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._latest: dict[tuple[str, str], str] = {}
        self._read()

    @property
    def lines(self) -> tuple[Line, ...]:
        """Return all lines, those of others too."""
        with self._lock:
            self._read()
            return tuple(self._lines)

    def note(self, kind: str, subject: str = "", /, **facts: Any) -> bool:
        """Add one line if it says something new; tell whether it did."""
        return bool(self.note_all([Note(kind, subject, facts)]))

    def note_all(self, notes: Sequence[Note]) -> int:
        """Add those of *notes* that say something new, all or none; return how many."""
        if not notes:
            return 0
        with self._lock:
            self._read()
            if all(self._known(note) for note in notes):
                return 0
            with self._state.write() as db:
                row = db.execute(select(incidents).where(incidents.c.id == self.incident).with_for_update()).one()
                self._take(db)
                fresh = list(self._chained([note for note in notes if not self._known(note)], row.lines, row.head))
                if fresh:
                    db.execute(insert(incident_log), [_row(self.incident, line) for line in fresh])
                    last = {"lines": fresh[-1].n, "head": fresh[-1].hash}
                    db.execute(update(incidents).where(incidents.c.id == self.incident).values(last))
            self._remember(fresh)
            return len(fresh)

    def _known(self, note: Note) -> bool:
        return self._latest.get((note.kind, note.subject)) == canonical(dict(note.facts))

    def _chained(self, notes: Iterable[Note], n: int, prev: str) -> Iterator[Line]:
        at = text(self._clock.now())
        for number, note in enumerate(notes, n + 1):
            line = Line(number, at, note.kind, note.subject, dict(note.facts), self.by, prev)
            line = line._replace(hash=digest(line))
            prev = line.hash
            yield line

    def _read(self) -> None:
        with self._state.read() as db:
            self._take(db)

    def _take(self, db: Connection) -> None:
        after = self._lines[-1].n if self._lines else 0
        rows = db.execute(
            select(incident_log)
            .where(incident_log.c.incident == self.incident, incident_log.c.n > after)
            .order_by(incident_log.c.n)
        )
        self._remember([_line(row) for row in rows])

    def _remember(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._lines.append(line)
            self._latest[line.kind, line.subject] = canonical(dict(line.facts))


def open_incident(state: State, title: str, facts: dict[str, Any], clock: Clock, by: str) -> str:
    """Begin an incident with its first line; return its id."""
    at = text(clock.now())
    name = f"{at[:10]}-{secrets.token_hex(3)}"
    line = Line(1, at, OPENED, "", {"title": title, **facts}, by, GENESIS)
    line = line._replace(hash=digest(line))
    with state.write() as db:
        db.execute(insert(incidents).values(id=name, title=title, opened=at, lines=1, head=line.hash))
        db.execute(insert(incident_log), [_row(name, line)])
    return name


def named(state: State, name: str) -> str:
    """Return the id of an incident that is called *name* or begins or ends so; without a name, of the only open one."""
    ids = known(state)
    found = [one for one in ids if one == name] or [one for one in ids if one.startswith(name) or one.endswith(name)]
    found = found if name else meant(state)
    if len(found) != 1:
        raise UsageError(_unclear(state, name, found))
    return found[0]


def _unclear(state: State, name: str, found: Sequence[str]) -> str:
    what = f"called {name!r}" if name else "open"
    ids = known(state)
    if not ids:
        return f"no incident is {what}; open one with leakfirst respond open"
    if not found:
        return f"no incident is {what}; known: {', '.join(ids[-10:])}"
    with state.read() as db:
        titles = {row.id: row.title for row in db.execute(select(incidents.c.id, incidents.c.title))}
    some = ", ".join(f"{one} ({titles[one]})" for one in found[-10:])
    if not name and not _open(state):
        return f"no incident is open; name one: {some}"
    return f"{len(found)} incidents are {what}; name one: {some}"


def known(state: State) -> list[str]:
    """Return the ids of all incidents, oldest first."""
    with state.read() as db:
        return [str(row.id) for row in db.execute(select(incidents.c.id).order_by(incidents.c.opened, incidents.c.id))]


def meant(state: State) -> list[str]:
    """Return the ids that may be meant where none is named: those that are open, or all where none is."""
    return _open(state) or known(state)


def _open(state: State) -> list[str]:
    with state.read() as db:
        closed = {
            row.incident for row in db.execute(select(incident_log.c.incident).where(incident_log.c.kind == CLOSED))
        }
    return [one for one in known(state) if one not in closed]


def check(state: State, incident: str) -> list[str]:
    """Return what is wrong with the chain of an incident's log; an empty list means that it holds."""
    with state.read() as db:
        row = db.execute(select(incidents).where(incidents.c.id == incident)).one()
        lines = [
            _line(found)
            for found in db.execute(
                select(incident_log).where(incident_log.c.incident == incident).order_by(incident_log.c.n)
            )
        ]
    problems, prev = [], GENESIS
    for number, line in enumerate(lines, 1):
        if line.n != number:
            problems.append(f"line {number} is missing")
            break
        if line.prev != prev:
            problems.append(f"line {number} does not follow the line before it")
        elif digest(line) != line.hash:
            problems.append(f"line {number} was changed after it was written")
        prev = line.hash
    if not problems and (len(lines), prev) != (row.lines, row.head):
        problems.append(f"{row.lines - len(lines)} line(s) were cut from the end")
    return problems


def digest(line: Line) -> str:
    """Return the hash of a line: SHA-256 over the hash before it and the canonical line."""
    body = {**line._asdict(), "facts": dict(line.facts)}
    del body["hash"]
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def _row(incident: str, line: Line) -> dict[str, Any]:
    values = line._asdict()
    values["who"] = values.pop("by")
    return {**values, "incident": incident, "facts": canonical(dict(line.facts))}


def _line(row: Any) -> Line:
    return Line(row.n, row.at, row.kind, row.subject, json.loads(row.facts), row.who, row.prev, row.hash)


# -- one at a time -------------------------------------------------------------


@contextmanager
def alone(state: State, incident: str) -> Iterator[None]:
    """Hold the incident, so that two people do not play it at once. Raises `Busy`.

    The database, or the kernel beside an SQLite file, lets go of it with the
    process that held it.
    """
    why = f"somebody else is working on {incident} right now; look at 'leakfirst respond status'"
    if state.engine.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(incident.encode()).digest()[:8], "big", signed=True)
        with state.read() as db:
            if not db.execute(select(func.pg_try_advisory_lock(number))).scalar():
                raise Busy(why)
            try:
                yield
            finally:
                db.execute(select(func.pg_advisory_unlock(number)))
        return
    path = (
        f"{os.path.realpath(state.engine.url.database or '')}.{hashlib.sha256(incident.encode()).hexdigest()[:12]}.lock"
    )
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(why) from None
        yield
    finally:
        os.close(held)


# -- what was told -------------------------------------------------------------


class SentMessages:
    """The delivered messages of all destinations, in the state database."""

    def __init__(self, state: State) -> None:
        self._state = state

    def was_delivered(self, destination: str, key: str) -> bool:
        """See `_outbox.DeliveryStore`."""
        chosen = select(messages.c.at).where(messages.c.destination == destination, messages.c.key == key)
        with self._state.read() as db:
            return db.execute(chosen).first() is not None

    def find_thread(self, destination: str, thread: str) -> str:
        """See `_outbox.DeliveryStore`."""
        chosen = (
            select(messages.c.continued)
            .where(messages.c.destination == destination, messages.c.thread == thread, messages.c.continued != "")
            .order_by(messages.c.at.desc())
        )
        with self._state.read() as db:
            return str(db.execute(chosen).scalar() or "")

    def count_since(self, destination: str, since: float) -> int:
        """See `_outbox.DeliveryStore`."""
        chosen = select(func.count()).where(messages.c.destination == destination, messages.c.at > since)
        with self._state.read() as db:
            return int(db.execute(chosen).scalar_one())

    def record(self, destination: str, event: IncidentEvent, thread: str, at: float) -> None:
        """See `_outbox.DeliveryStore`."""
        from detector.fleet.state.store import upsert

        row = {"destination": destination, "key": event.key, "thread": event.thread, "continued": thread, "at": at}
        with self._state.write() as db:
            upsert(db, messages, [row], ("destination", "key"), ("continued", "at"))
