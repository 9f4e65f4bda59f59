"""The state itself: transactions, runs, repositories, and the lives of findings.

All that a look at a repository brought is written in one transaction, so a
coordinator that is killed leaves whole results and no halves. The life of a
finding is worked out within that transaction, from the row as it is then: two
coordinators that bring the same result open a finding once.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, and_, bindparam, delete, func, insert, select, update  # noqa: TID253

from detector.errors import StateError, UsageError
from detector.fleet import lifecycle as lives
from detector.fleet.lifecycle import Life, Place, Seen, Sight
from detector.fleet.state import schema
from detector.fleet.state.tables import events, findings, objects_read, places, repositories, rulesets, runs, settings

_MANY = 500
"""Rows that one statement names."""


class Result(NamedTuple):
    """Everything that one look at a repository brought.

    `read_after` is the revision of the row that the look began with: if it is
    another by now, somebody else was quicker. `complete` says that everything
    was read but for what is in `skipped`; what was not seen is not there, unless
    it may be in something that could be read last time.
    """

    key: str
    name: str
    read_after: int
    ruleset: int
    mark: str
    complete: bool
    sights: tuple[Sight, ...] = ()
    packs: bytes = b""
    flagged: bytes = b""
    told: bytes = b""
    recheck: str = ""
    skipped: tuple[tuple[str, str], ...] = ()
    about: Mapping[str, Any] = {}
    objects: int = 0
    seconds: float = 0.0


class Checkpoint(NamedTuple):
    """What one sweep of a repository leaves for the next: packs, flagged objects, attributions (incremental.py)."""

    packs: bytes = b""
    flagged: bytes = b""
    told: bytes = b""


class Written(NamedTuple):
    """What a result came to: the events that are new, and whether it counted at all."""

    events: tuple[tuple[str, str], ...] = ()
    counted: bool = True


class State:
    """One open state. A context manager; `write` and `read` give connections for anything else."""

    def __init__(self, place: str, key: bytes, create: bool = True) -> None:
        """Open *place*, upgrade it, and make sure that fingerprints under *key* are what it holds."""
        self.engine, self.name = schema.connect(place, create)
        try:
            schema.bring_up_to_date(self.engine, self.name)
            self._pin(key)
        except BaseException:
            self.engine.dispose()
            raise

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in a transaction that writes: all of the block is kept, or nothing. Raises `StateError`."""
        with (
            schema.told(self.name),
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of things. Raises `StateError`."""
        with schema.told(self.name), self.engine.connect() as connection:
            yield connection

    def _pin(self, key: bytes) -> None:
        """Keep an id of the key with the first use, and refuse another key later."""
        mine = key_id(key)
        with self.read() as db:
            known = db.execute(select(settings.c.value).where(settings.c.name == "key")).scalar()
        if known is None:
            with self.write() as db:
                put(db, settings, [{"name": "key", "value": mine}], ("name",), ())
                known = db.execute(select(settings.c.value).where(settings.c.name == "key")).scalar()
        if known != mine:
            raise StateError(
                f"{self.name}: its fingerprints were made with another key (id {known}, ours is {mine}); "
                "set LEAKFIRST_KEY to the one it was made with, or name another state"
            )

    # -- runs and rules ------------------------------------------------------

    def ruleset(self, rules: Mapping[str, str]) -> int:
        """Return the number of the rule set in which each rule has this digest."""
        digest = ruleset_digest(rules)
        with self.write() as db:
            row = {"digest": digest, "rules": json.dumps(dict(sorted(rules.items()))), "used_at": now()}
            put(db, rulesets, [row], ("digest",), ("used_at",))
            return int(db.execute(select(rulesets.c.id).where(rulesets.c.digest == digest)).scalar_one())

    def previous_ruleset(self, current: int) -> tuple[int, dict[str, str]] | None:
        """Return the rule set that was in force before *current*, if objects were read under it."""
        read = select(objects_read.c.ruleset_id).distinct()
        others = select(rulesets).where(rulesets.c.id != current, rulesets.c.id.in_(read))
        with self.read() as db:
            row = db.execute(others.order_by(rulesets.c.used_at.desc(), rulesets.c.id.desc()).limit(1)).first()
        return (row.id, json.loads(row.rules)) if row else None

    def forget_rulesets(self, current: int) -> None:
        """Forget what was read under other rule sets than *current*."""
        with self.write() as db:
            db.execute(delete(rulesets).where(rulesets.c.id != current))

    def begin_run(self, ruleset: int) -> int:
        """Note that a run begins and return its number."""
        with self.write() as db:
            row = {"ruleset_id": ruleset, "started": now(), "host": socket.gethostname()}
            return int(db.execute(insert(runs).values(row).returning(runs.c.id)).scalar_one())

    def end_run(self, run: int, status: str, counters: Mapping[str, Any]) -> None:
        """Note how a run ended: done, interrupted."""
        with self.write() as db:
            values = {"ended": now(), "status": status, "counters": json.dumps(dict(counters))}
            db.execute(update(runs).where(runs.c.id == run).values(values))

    # -- repositories --------------------------------------------------------

    def repositories(self) -> dict[str, Row[Any]]:
        """Return the row of every repository that was ever swept, by its key, without what `remembered` returns."""
        columns = [column for column in repositories.c if column.name not in Checkpoint._fields]
        with self.read() as db:
            return {row.key: row for row in db.execute(select(*columns))}

    def remembered(self, key: str) -> Checkpoint:
        """Return what the last look at a repository left for the next."""
        columns = [repositories.c[name] for name in Checkpoint._fields]
        with self.read() as db:
            row = db.execute(select(*columns).where(repositories.c.key == key)).one()
        return Checkpoint(*(part or b"" for part in row))

    def unchanged(self, keys: Sequence[str], run: int, renewed: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Note of repositories that nothing in them has changed: what they hold is seen again.

        *renewed* is what the inventory now says of some of them, such as another name.
        """
        at = now()
        if renewed:
            columns = next(iter(renewed.values()))
            change = update(repositories).where(repositories.c.key == bindparam("of"))
            change = change.values({name: bindparam(f"new_{name}") for name in columns})
            rows = [
                {"of": key, **{f"new_{name}": _value(one[name]) for name in columns}} for key, one in renewed.items()
            ]
            with self.write() as db:
                db.execute(change, rows)
        for start in range(0, len(keys), _MANY):
            some = keys[start : start + _MANY]
            with self.write() as db:
                checked = {"checked_at": at, "run_id": run, "failures": 0, "failure": "", "failed_at": ""}
                db.execute(update(repositories).where(repositories.c.key.in_(some)).values(checked))
                there = select(repositories.c.id).where(repositories.c.key.in_(some))
                seen = and_(findings.c.repository_id.in_(there), findings.c.state != lives.ABSENT)
                db.execute(update(findings).where(seen).values(last_seen=at))

    def failed(self, key: str, name: str, why: str, run: int) -> None:
        """Note that a repository could not be read; what is known of it stays."""
        with self.write() as db:
            put(db, repositories, [{"key": key, "name": plain(name)}], ("key",), ())
            values = {"failures": repositories.c.failures + 1, "failure": plain(why), "failed_at": now(), "run_id": run}
            db.execute(update(repositories).where(repositories.c.key == key).values(values))

    def record(self, result: Result, run: int, days: Mapping[str, float] = lives.DEADLINES) -> Written:
        """Write what a look at a repository brought, all in one transaction.

        A result that another coordinator was quicker with is let go. *days* are
        the deadlines by severity.
        """
        at = now()
        with self.write() as db:
            put(db, repositories, [{"key": result.key, "name": plain(result.name)}], ("key",), ())
            mine = select(repositories).where(repositories.c.key == result.key).with_for_update()
            row = db.execute(mine).one()
            if row.revision != result.read_after:
                return Written((), counted=False)
            values: dict[str, Any] = {
                **{name: _value(value) for name, value in result.about.items()},
                "name": plain(result.name),
                "mark": result.mark,
                "recheck": result.recheck,
                "ruleset_id": result.ruleset,
                "packs": result.packs,
                "flagged": result.flagged,
                "told": result.told,
                "revision": row.revision + 1,
                "complete": result.complete,
                "skipped": json.dumps([[plain(part) for part in skip] for skip in result.skipped]),
                "first_swept": row.first_swept or at,
                "changed_at": at,
                "checked_at": at,
                "run_id": run,
                "failures": 0,
                "failure": "",
                "failed_at": "",
                "objects": row.objects + result.objects,
                "seconds": result.seconds,
            }
            db.execute(update(repositories).where(repositories.c.id == row.id).values(values))
            unread = {tuple(plain(part) for part in skip) for skip in result.skipped}
            whole = result.complete and unread <= {tuple(skip) for skip in json.loads(row.skipped)}
            return Written(tuple(_live_on(db, row.id, result._replace(complete=whole), run, at, days)))

    # -- decisions -----------------------------------------------------------

    def settle(self, fingerprint: str, state: str, reason: str, by: str, repository: str = "") -> int:
        """End the life of a credential, in one repository or in all; return how many findings changed.

        *state* is rotated, dead or closed. An unknown fingerprint is a `UsageError`.
        """
        return self._decide(fingerprint, repository, by, lambda life: lives.settle(life, state, reason, by))

    def reopen(self, fingerprint: str, why: str, by: str, repository: str = "") -> int:
        """Open a settled credential again; return how many findings changed."""
        return self._decide(fingerprint, repository, by, lambda life: lives.reopen(life, now(), why))

    def _decide(self, fingerprint: str, repository: str, by: str, turn: Any) -> int:
        changed = 0
        days = lives.DEADLINES
        with self.write() as db:
            chosen = select(findings).where(findings.c.fingerprint == fingerprint).with_for_update()
            if repository:
                there = repositories.c.key == repository, repositories.c.name == repository
                chosen = chosen.where(
                    findings.c.repository_id.in_(select(repositories.c.id).where(there[0] | there[1]))
                )
            rows = db.execute(chosen.order_by(findings.c.id)).all()
            if not rows:
                raise UsageError(f"{fingerprint}: no such finding{f' in {repository}' if repository else ''}")
            kept = db.execute(select(settings.c.value).where(settings.c.name == "deadlines")).scalar()
            days = json.loads(kept) if kept else days
            for row in rows:
                life, happened = turn(life_of(row))
                if happened:
                    changed += 1
                    _write_life(db, row.id, life, lives.deadline(life.opened, row.severity, days))
                    _write_events(db, row.id, None, now(), happened, by)
        return changed

    def keep_deadlines(self, days: Mapping[str, float]) -> None:
        """Remember the deadlines by severity that are in force."""
        with self.write() as db:
            put(db, settings, [{"name": "deadlines", "value": json.dumps(dict(days))}], ("name",), ("value",))


# -- within a transaction ----------------------------------------------------


def put(
    db: Connection, table: Table, rows: Sequence[Mapping[str, Any]], unique: Sequence[str], renew: Sequence[str]
) -> None:
    """Insert *rows*; of those that are there by their *unique* columns only the columns to *renew* change."""
    if not rows:
        return
    if db.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        statement: Any = postgresql_insert(table)
    else:
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        statement = sqlite_insert(table)
    if renew:
        values = {name: statement.excluded[name] for name in renew}
        statement = statement.on_conflict_do_update(index_elements=list(unique), set_=values)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(unique))
    db.execute(statement, [dict(row) for row in rows])


def life_of(row: Row[Any]) -> Life:
    """Return the life that a row of findings tells."""
    return Life(row.state, row.at_tip, row.first_seen, row.last_seen, row.opened, row.reason, row.settled_by)


def _live_on(
    db: Connection, repository: int, result: Result, run: int, at: str, days: Mapping[str, float]
) -> Iterator[tuple[str, str]]:
    known = {row.fingerprint: row for row in db.execute(select(findings).where(findings.c.repository_id == repository))}
    sights = {sight.fingerprint: sight for sight in result.sights}
    missing = [name for name in known if name not in sights] if result.complete else []
    for name in [*sights, *missing]:
        sight, row = sights.get(name), known.get(name)
        seen = Seen(sight.at_tip, sight.ignored, sight.verdict) if sight else None
        life, happened = lives.advance(life_of(row) if row else None, seen, at)
        if life is None:
            continue
        severity = sight.severity if sight else row.severity  # type: ignore[union-attr]
        until = lives.deadline(life.opened, severity, days)
        if row is None:
            assert sight is not None
            fresh = {"repository_id": repository, "fingerprint": name, **_told(sight), **_columns(life, until)}
            number = int(db.execute(insert(findings).values(fresh).returning(findings.c.id)).scalar_one())
        else:
            number = row.id
            more = _told(sight) if sight and not sight.ignored else {}
            _write_life(db, number, life, until, more)
        if sight and not sight.ignored:
            _write_places(db, number, sight.places)
        _write_events(db, number, run, at, happened, "")
        yield from ((event.what, name) for event in happened)


def _told(sight: Sight) -> dict[str, Any]:
    told = {name: getattr(sight, name) for name in ("rule", "severity", "confidence", "shown", "owner", "verdict")}
    return {name: plain(value) for name, value in told.items()}


def _columns(life: Life, until: str) -> dict[str, Any]:
    columns = life._asdict()
    columns["settled_by"] = columns.pop("by")
    return {**columns, "reason": plain(life.reason), "deadline": until}


def _write_life(db: Connection, number: int, life: Life, until: str, more: Mapping[str, Any] | None = None) -> None:
    db.execute(update(findings).where(findings.c.id == number).values({**_columns(life, until), **(more or {})}))


def _write_places(db: Connection, finding: int, at: Iterable[Place]) -> None:
    db.execute(delete(places).where(places.c.finding_id == finding))
    rows = [
        {
            "finding_id": finding,
            "kind": place.kind,
            "path": plain(place.path),
            "object_id": place.object_id,
            "commit_id": place.commit,
            "line": place.line,
            "col": place.column,
            "author": plain(place.author),
            "date": place.date,
            "tip": place.tip,
        }
        for place in at
    ]
    if rows:
        db.execute(insert(places), rows)


def _write_events(
    db: Connection, finding: int, run: int | None, at: str, happened: Sequence[lives.Event], who: str
) -> None:
    rows = [
        {"finding_id": finding, "run_id": run, "at": at, "what": one.what, "detail": plain(one.detail), "who": who}
        for one in happened
    ]
    if rows:
        db.execute(insert(events), rows)


def count(db: Connection, table: Table) -> int:
    """Return the number of rows in *table*."""
    return int(db.execute(select(func.count()).select_from(table)).scalar_one())


# -- small values ------------------------------------------------------------


def now() -> str:
    """Return this instant as the state writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def key_id(key: bytes) -> str:
    """Name a key without saying anything of it."""
    import hashlib

    return hashlib.blake2b(key, digest_size=8, person=b"leakfirst key id").hexdigest()


def ruleset_digest(rules: Mapping[str, str]) -> str:
    """Name a rule set by what its rules find."""
    import hashlib

    return hashlib.blake2b(json.dumps(sorted(rules.items())).encode(), digest_size=16).hexdigest()


def _value(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


def plain(text: str) -> str:
    """Return *text* as both databases can hold it: UTF-8 and no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
