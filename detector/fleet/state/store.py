"""The state itself: transactions, runs, repositories, and the status of findings.

The result of a repository is written in one transaction, so a coordinator that is
killed leaves whole results. The new status of a finding is computed within that
transaction from the row as it is then: two coordinators that write the same
result open a finding once.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (  # noqa: TID253
    Column,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from detector.errors import StateError, UsageError
from detector.fleet import lifecycle
from detector.fleet.digests import digest_rules, identify_key
from detector.fleet.lifecycle import (
    DEADLINES,
    EventKind,
    FindingLocation,
    FindingState,
    FindingStatus,
    Observation,
    ObservedFinding,
    Transition,
    compute_deadline,
)
from detector.fleet.state import schema
from detector.fleet.state.run_status import RunStatus
from detector.fleet.state.tables import (
    events,
    findings,
    locations,
    objects_read,
    repositories,
    rulesets,
    runs,
    settings,
)

BATCH_ROWS = 500
"""Rows that one statement names."""

_LISTED = {"lost_at": "", "left_out": ""}
"""The columns of a repository that is listed (again)."""


class RepositoryRecord(NamedTuple):
    """The result of one repository.

    `base_revision` is the revision of the row when the scan began: if the row has
    another one now, another coordinator was quicker. `complete` says that everything
    was read except `skipped`: a credential that was not found is absent, unless it
    may be in something that could be read last time. `listed` holds the columns that
    the inventory provides.
    """

    key: str
    name: str
    base_revision: int
    ruleset: int
    state_digest: str
    complete: bool
    findings: tuple[ObservedFinding, ...] = ()
    packs: bytes = b""
    flagged: bytes = b""
    attributions: bytes = b""
    recheck_on: str = ""
    skipped: tuple[tuple[str, str], ...] = ()
    listed: Mapping[str, Any] = {}
    objects: int = 0
    seconds: float = 0.0


class Checkpoint(NamedTuple):
    """What one sweep of a repository leaves for the next: packs, flagged objects, attributions (incremental.py)."""

    packs: bytes = b""
    flagged: bytes = b""
    attributions: bytes = b""


class RecordOutcome(NamedTuple):
    """The new events as kind and fingerprint; with `superseded`, nothing was written."""

    events: tuple[tuple[EventKind, str], ...] = ()
    superseded: bool = False


class State:
    """One open state. A context manager; `write` and `read` give connections for anything else."""

    def __init__(self, place: str, key: bytes, create: bool = True) -> None:
        """Open *place*, upgrade it, and check that its fingerprints were made with *key*."""
        self.engine, self.name = schema.connect(place, create)
        try:
            schema.upgrade(self.engine, self.name)
            self._check_key(key)
        except BaseException:
            self.engine.dispose()
            raise

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes: all of the block is kept, or nothing. Raises `StateError`."""
        with (
            schema.translate_errors(self.name),
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads a consistent snapshot. Raises `StateError`."""
        with schema.translate_errors(self.name), self.engine.connect() as connection:
            yield connection

    def _check_key(self, key: bytes) -> None:
        """Store the id of the key on first use, and refuse another key later."""
        ours = identify_key(key)
        query = select(settings.c.value).where(settings.c.name == "key")
        with self.read() as db:
            stored = db.execute(query).scalar()
        if stored is None:
            with self.write() as db:
                upsert(db, settings, [{"name": "key", "value": ours}], ("name",), ())
                stored = db.execute(query).scalar()
        if stored != ours:
            raise StateError(
                f"{self.name}: its fingerprints were made with another key (id {stored}, yours is {ours}); "
                "set LEAKFIRST_KEY to that key, or name another state"
            )

    # -- runs and rules ------------------------------------------------------

    def save_ruleset(self, rules: Mapping[str, str]) -> int:
        """Return the number of a rule set, which is stored if it is new; *rules* maps each rule to its digest."""
        digest = digest_rules(rules)
        with self.write() as db:
            row = {"digest": digest, "rules": json.dumps(dict(sorted(rules.items()))), "used_at": utc_now()}
            upsert(db, rulesets, [row], ("digest",), ("used_at",))
            return int(db.execute(select(rulesets.c.id).where(rulesets.c.digest == digest)).scalar_one())

    def find_previous_ruleset(self, current: int) -> tuple[int, dict[str, str]] | None:
        """Return number and rules of the last rule set before *current* under which objects were read."""
        read = select(objects_read.c.ruleset_id).distinct()
        others = select(rulesets).where(rulesets.c.id != current, rulesets.c.id.in_(read))
        with self.read() as db:
            row = db.execute(others.order_by(rulesets.c.used_at.desc(), rulesets.c.id.desc()).limit(1)).first()
        return (row.id, json.loads(row.rules)) if row else None

    def delete_other_rulesets(self, current: int) -> None:
        """Delete all rule sets except *current*, with the objects that were read under them."""
        with self.write() as db:
            db.execute(delete(rulesets).where(rulesets.c.id != current))

    def begin_run(self, ruleset: int) -> int:
        """Record that a run begins, and return its number."""
        with self.write() as db:
            row = {"ruleset_id": ruleset, "started": utc_now(), "host": socket.gethostname()}
            return int(db.execute(insert(runs).values(row).returning(runs.c.id)).scalar_one())

    def end_run(self, run: int, status: RunStatus, counters: Mapping[str, Any]) -> None:
        """Record how a run ended."""
        with self.write() as db:
            values = {"ended": utc_now(), "status": status.value, "counters": json.dumps(dict(counters))}
            db.execute(update(runs).where(runs.c.id == run).values(values))

    def save_deadlines(self, days: Mapping[str, float]) -> None:
        """Store the deadlines by severity that are in force."""
        with self.write() as db:
            row = {"name": "deadlines", "value": json.dumps(dict(days))}
            upsert(db, settings, [row], ("name",), ("value",))

    # -- repositories --------------------------------------------------------

    def list_repositories(self) -> dict[str, Row[Any]]:
        """Return the rows of all known repositories by key, without the columns of `load_checkpoint`."""
        columns = [column for column in repositories.c if column.name not in Checkpoint._fields]
        with self.read() as db:
            return {row.key: row for row in db.execute(select(*columns))}

    def load_checkpoint(self, key: str) -> Checkpoint:
        """Return what the last sweep of a repository left for the next."""
        columns = [repositories.c[name] for name in Checkpoint._fields]
        with self.read() as db:
            return Checkpoint(*db.execute(select(*columns).where(repositories.c.key == key)).one())

    def mark_unchanged(
        self, keys: Sequence[str], run: int, listed: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """Record that repositories have not changed, which confirms their findings.

        *listed* holds new values from the inventory, such as another name, for some of them.
        """
        if listed:
            self._update_listed(listed)
        at = utc_now()
        for start in range(0, len(keys), BATCH_ROWS):
            batch = keys[start : start + BATCH_ROWS]
            with self.write() as db:
                checked = {"checked_at": at, "run_id": run, "failures": 0, "failure": "", "failed_at": "", **_LISTED}
                db.execute(update(repositories).where(repositories.c.key.in_(batch)).values(checked))
                whole = repositories.c.key.in_(batch) & (repositories.c.skipped == "[]")
                db.execute(update(repositories).where(whole).values(unread_since=""))
                ids = select(repositories.c.id).where(repositories.c.key.in_(batch))
                present = and_(findings.c.repository_id.in_(ids), findings.c.state != FindingState.ABSENT.value)
                db.execute(update(findings).where(present).values(last_seen=at))

    def _update_listed(self, listed: Mapping[str, Mapping[str, Any]]) -> None:
        columns = list(next(iter(listed.values())))
        statement = update(repositories).where(repositories.c.key == bindparam("of"))
        statement = statement.values({name: bindparam(f"new_{name}") for name in columns})
        rows = [
            {"of": key, **{f"new_{name}": _make_value(values[name]) for name in columns}}
            for key, values in listed.items()
        ]
        with self.write() as db:
            db.execute(statement, rows)

    def record_failure(self, key: str, name: str, reason: str, run: int, spec: str = "") -> None:
        """Record that a repository, which *spec* lists, could not be read; its findings stay as they are."""
        with self.write() as db:
            upsert(db, repositories, [{"key": key, "name": make_storable(name)}], ("key",), ())
            values = {
                "failures": repositories.c.failures + 1,
                "failure": make_storable(reason),
                "failed_at": utc_now(),
                "run_id": run,
                "unread_since": _keep_or_set(repositories.c.unread_since, utc_now()),
                **({"spec": make_storable(spec)} if spec else {}),
                **_LISTED,
            }
            db.execute(update(repositories).where(repositories.c.key == key).values(values))

    def record_result(
        self, record: RepositoryRecord, run: int, deadlines: Mapping[str, float] = DEADLINES
    ) -> RecordOutcome:
        """Write the result of a repository in one transaction.

        If another coordinator has written one since the scan began, this one is not
        written. *deadlines* are days by severity.
        """
        at = utc_now()
        with self.write() as db:
            upsert(db, repositories, [{"key": record.key, "name": make_storable(record.name)}], ("key",), ())
            row = db.execute(select(repositories).where(repositories.c.key == record.key).with_for_update()).one()
            if row.revision != record.base_revision:
                return RecordOutcome(superseded=True)
            values = _list_columns(record, row, run, at)
            db.execute(update(repositories).where(repositories.c.id == row.id).values(values))
            unread = {tuple(make_storable(part) for part in skip) for skip in record.skipped}
            complete = record.complete and unread <= {tuple(skip) for skip in json.loads(row.skipped)}
            record = record._replace(complete=complete)
            return RecordOutcome(tuple(_update_findings(db, row.id, record, run, at, deadlines)))

    # -- decisions -----------------------------------------------------------

    def resolve(self, fingerprint: str, state: FindingState, reason: str, by: str, repository: str = "") -> int:
        """Resolve a finding in one repository or in all of them; return how many findings changed.

        *state* is rotated, dead or closed. An unknown fingerprint is a `UsageError`.
        """
        return self._decide(fingerprint, repository, by, lambda status: lifecycle.resolve(status, state, reason, by))

    def reopen(self, fingerprint: str, reason: str, by: str, repository: str = "") -> int:
        """Reopen a resolved finding; return how many findings changed."""
        return self._decide(fingerprint, repository, by, lambda status: lifecycle.reopen(status, utc_now(), reason))

    def _decide(self, fingerprint: str, repository: str, by: str, decide: Callable[[FindingStatus], Transition]) -> int:
        changed = 0
        with self.write() as db:
            chosen = select(findings).where(findings.c.fingerprint == fingerprint).with_for_update()
            if repository:
                named = (repositories.c.key == repository) | (repositories.c.name == repository)
                chosen = chosen.where(findings.c.repository_id.in_(select(repositories.c.id).where(named)))
            rows = db.execute(chosen.order_by(findings.c.id)).all()
            if not rows:
                raise UsageError(f"{fingerprint}: no such finding{f' in {repository}' if repository else ''}")
            stored = db.execute(select(settings.c.value).where(settings.c.name == "deadlines")).scalar()
            deadlines = json.loads(stored) if stored else DEADLINES
            for row in rows:
                status, new_events = decide(read_status(row))
                if new_events:
                    changed += 1
                    _write_status(db, row.id, status, compute_deadline(status.opened, row.severity, deadlines))
                    _write_events(db, row.id, None, utc_now(), new_events, by)
        return changed


# -- within a transaction ----------------------------------------------------


def upsert(
    db: Connection, table: Table, rows: Sequence[Mapping[str, Any]], unique: Sequence[str], renew: Sequence[str]
) -> None:
    """Insert *rows*; of rows that exist already, by their *unique* columns, only the columns *renew* change."""
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


def _keep_or_set(column: Column[str], value: str) -> Any:
    """Return an expression: the value of *column*, or *value* where it is empty."""
    return case((column == "", value), else_=column)


def _list_columns(record: RepositoryRecord, row: Row[Any], run: int, at: str) -> dict[str, Any]:
    """Return the new values of the row of a repository."""
    return {
        **{name: _make_value(value) for name, value in record.listed.items()},
        "name": make_storable(record.name),
        "state_digest": record.state_digest,
        "recheck_on": record.recheck_on,
        "ruleset_id": record.ruleset,
        "packs": record.packs,
        "flagged": record.flagged,
        "attributions": record.attributions,
        "revision": row.revision + 1,
        "complete": record.complete,
        "skipped": json.dumps([[make_storable(part) for part in skip] for skip in record.skipped]),
        "first_swept": row.first_swept or at,
        "changed_at": at,
        "checked_at": at,
        "run_id": run,
        "failures": 0,
        "failure": "",
        "failed_at": "",
        **_LISTED,
        "unread_since": (row.unread_since or at) if record.skipped else "",
        "objects": row.objects + record.objects,
        "seconds": record.seconds,
    }


def read_status(row: Row[Any]) -> FindingStatus:
    """Return the status in a row of findings."""
    state = FindingState(row.state)
    return FindingStatus(state, row.at_head, row.first_seen, row.last_seen, row.opened, row.reason, row.resolved_by)


def _update_findings(
    db: Connection, repository: int, record: RepositoryRecord, run: int, at: str, deadlines: Mapping[str, float]
) -> Iterator[tuple[EventKind, str]]:
    """Write the findings of a repository; yield kind and fingerprint of each new event."""
    rows = {row.fingerprint: row for row in db.execute(select(findings).where(findings.c.repository_id == repository))}
    observed = {finding.fingerprint: finding for finding in record.findings}
    missing = [fingerprint for fingerprint in rows if fingerprint not in observed] if record.complete else []
    for fingerprint in [*observed, *missing]:
        finding, row = observed.get(fingerprint), rows.get(fingerprint)
        observation = Observation(finding.at_head, finding.ignored, finding.verdict) if finding else None
        status, new_events = lifecycle.advance(read_status(row) if row else None, observation, at)
        if status is None:
            continue
        severity = finding.severity if finding else row.severity  # type: ignore[union-attr]
        deadline = compute_deadline(status.opened, severity, deadlines)
        if row is None:
            assert finding is not None
            number = _insert_finding(db, repository, finding, status, deadline)
        else:
            number = row.id
            _write_status(db, number, status, deadline, finding if finding and not finding.ignored else None)
        if finding and (row is None or not finding.ignored):
            _write_locations(db, number, finding.locations)
        _write_events(db, number, run, at, new_events, "")
        yield from ((event.kind, fingerprint) for event in new_events)


def _insert_finding(
    db: Connection, repository: int, finding: ObservedFinding, status: FindingStatus, deadline: str
) -> int:
    row = {"repository_id": repository, "fingerprint": finding.fingerprint}
    row |= {**_describe(finding), **_describe_status(status, deadline)}
    return int(db.execute(insert(findings).values(row).returning(findings.c.id)).scalar_one())


def _describe(finding: ObservedFinding) -> dict[str, Any]:
    columns = ("rule", "severity", "confidence", "redacted", "owner", "verdict")
    return {name: make_storable(getattr(finding, name)) for name in columns}


def _describe_status(status: FindingStatus, deadline: str) -> dict[str, Any]:
    reason = make_storable(status.reason)
    return {**status._asdict(), "state": status.state.value, "reason": reason, "deadline": deadline}


def _write_status(
    db: Connection, number: int, status: FindingStatus, deadline: str, finding: ObservedFinding | None = None
) -> None:
    values = {**_describe_status(status, deadline), **(_describe(finding) if finding else {})}
    db.execute(update(findings).where(findings.c.id == number).values(values))


def _write_locations(db: Connection, finding: int, found: Iterable[FindingLocation]) -> None:
    db.execute(delete(locations).where(locations.c.finding_id == finding))
    rows = [
        {
            "finding_id": finding,
            "kind": location.kind,
            "path": make_storable(location.path),
            "object_id": location.object_id,
            "commit_id": location.commit,
            "line": location.line,
            "column": location.column,
            "author": make_storable(location.author),
            "date": location.date,
            "at_head": location.at_head,
        }
        for location in found
    ]
    if rows:
        db.execute(insert(locations), rows)


def _write_events(
    db: Connection, finding: int, run: int | None, at: str, new_events: Sequence[lifecycle.Event], actor: str
) -> None:
    rows = [
        {
            "finding_id": finding,
            "run_id": run,
            "at": at,
            "kind": event.kind.value,
            "detail": make_storable(event.detail),
            "actor": actor,
        }
        for event in new_events
    ]
    if rows:
        db.execute(insert(events), rows)


def count_rows(db: Connection, table: Table) -> int:
    """Return the number of rows in *table*."""
    return int(db.execute(select(func.count()).select_from(table)).scalar_one())


# -- values ------------------------------------------------------------------


def utc_now() -> str:
    """Return the current instant in the format of the state."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _make_value(value: Any) -> Any:
    return make_storable(value) if isinstance(value, str) else value


def make_storable(text: str) -> str:
    """Return *text* as both databases accept it: valid UTF-8 without NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
