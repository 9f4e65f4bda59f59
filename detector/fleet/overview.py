"""The contents of the state for a report: what changed, what is overdue, what stands in several repositories.

Everything is read in one transaction, so that all parts are consistent, and
turned into plain values for the reports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.fleet.coverage import Coverage, CoverageLimits, read_coverage
from detector.fleet.lifecycle import UNRESOLVED
from detector.model import SEVERITIES

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from detector.fleet.state.store import State

LOST_SIGHT_OF = "lost sight of"
"""What a report calls an unresolved finding in a repository that is not listed any more."""

_BATCH_ROWS = 500


class ListedFinding(NamedTuple):
    """One finding with one of its locations, if possible at a branch head."""

    fingerprint: str
    rule: str
    severity: str
    state: str
    redacted: str
    repository: str
    path: str
    line: int
    owner: str
    deadline: str
    first_seen: str
    last_seen: str
    reason: str = ""


class FindingChange(NamedTuple):
    """Something that happened to a finding; `actor` is who did it, "" for a sweep."""

    kind: str
    detail: str
    actor: str
    at: str
    finding: ListedFinding


class SharedCredential(NamedTuple):
    """One credential that is in several repositories."""

    finding: ListedFinding
    repositories: tuple[str, ...]


class UnreadRepository(NamedTuple):
    """A repository that could not be read, or not completely; `failures` counts failed sweeps in a row."""

    repository: str
    reason: str
    failures: int = 1
    since: str = ""
    acknowledged_until: str = ""


class Overview(NamedTuple):
    """Everything that a report may print. Instants are ISO 8601 in UTC."""

    now: str
    run: Mapping[str, Any]
    counts: Mapping[str, Any]
    changes: tuple[FindingChange, ...]
    overdue: tuple[ListedFinding, ...]
    shared: tuple[SharedCredential, ...]
    failed: tuple[UnreadRepository, ...]
    incomplete: tuple[UnreadRepository, ...]
    findings: tuple[ListedFinding, ...]
    coverage: Coverage = Coverage()


def load_overview(state: State, run: int = 0, limits: CoverageLimits | None = None) -> Overview:
    """Read the state. Changes are those of *run*, by default the last one, and what people decided since it began.

    Findings are in order of severity, then of their deadlines.
    """
    from sqlalchemy import select

    from detector.fleet.state.store import utc_now
    from detector.fleet.state.tables import findings, repositories

    now = utc_now()
    with state.read() as db:
        last = _read_run(db, run)
        changes = _read_changes(db, last)
        unresolved = findings.c.state.in_(UNRESOLVED)
        open_ids = _select_ids(db, unresolved)
        lost = select(repositories.c.id).where(repositories.c.lost_at != "", repositories.c.left_out == "")
        lost_ids = set(_select_ids(db, unresolved & findings.c.repository_id.in_(lost)))
        late = (findings.c.deadline != "") & (findings.c.deadline < now) & unresolved
        overdue_ids = [number for number in _select_ids(db, late) if number not in lost_ids]
        shared = _read_shared(db, unresolved)
        listed = _read_findings(
            db,
            {*open_ids, *overdue_ids} | {event.finding_id for event in changes} | {rows[0].id for rows in shared},
        )
        for number in lost_ids & listed.keys():
            listed[number] = listed[number]._replace(state=LOST_SIGHT_OF)
        by_name = select(repositories).order_by(repositories.c.name)
        failed = db.execute(by_name.where(repositories.c.failures > 0)).all()
        incomplete = db.execute(by_name.where(repositories.c.skipped != "[]")).all()
        counts = {**_count_findings(db), "overdue": len(overdue_ids), "lost_sight_of": len(lost_ids)}
        coverage = read_coverage(db, run, limits)
        until = {gap.subject: gap.acknowledged_until for gap in coverage.gaps}
    return Overview(
        now=now,
        run={**last._asdict(), "counters": json.loads(last.counters)} if last else {},
        counts=counts,
        changes=tuple(FindingChange(e.kind, e.detail, e.actor, e.at, listed[e.finding_id]) for e in changes),
        overdue=tuple(listed[number] for number in overdue_ids),
        shared=tuple(SharedCredential(listed[rows[0].id], _name_repositories(rows)) for rows in shared),
        failed=tuple(
            UnreadRepository(row.name, row.failure, row.failures, row.unread_since, until.get(row.key, ""))
            for row in failed
        ),
        incomplete=tuple(
            UnreadRepository(row.name, _summarize_skipped(row.skipped), 1, row.unread_since, until.get(row.key, ""))
            for row in incomplete
        ),
        findings=tuple(listed[number] for number in open_ids),
        coverage=coverage,
    )


def _read_run(db: Connection, run: int) -> Row[Any] | None:
    from sqlalchemy import select

    from detector.fleet.state.tables import runs

    chosen = select(runs).where(runs.c.id == run) if run else select(runs).order_by(runs.c.id.desc())
    return db.execute(chosen).first()


def _read_changes(db: Connection, run: Row[Any] | None) -> Sequence[Row[Any]]:
    """Return the events of *run*, and those that people caused since it began."""
    from sqlalchemy import or_, select

    from detector.fleet.state.tables import events

    if run is None:
        return ()
    by_people = events.c.run_id.is_(None) & (events.c.at >= run.started)
    recent = select(events).where(or_(events.c.run_id == run.id, by_people))
    return db.execute(recent.order_by(events.c.id)).all()


def _select_ids(db: Connection, condition: Any) -> Sequence[int]:
    """Return the numbers of findings, the most severe first."""
    from sqlalchemy import case, select

    from detector.fleet.state.tables import findings

    ranks = {severity.value: -rank for rank, severity in enumerate(SEVERITIES)}
    rank = case(ranks, value=findings.c.severity, else_=1)
    chosen = select(findings.c.id).where(condition).order_by(rank, findings.c.deadline, findings.c.id)
    return db.execute(chosen).scalars().all()


def _read_shared(db: Connection, unresolved: Any) -> list[list[Any]]:
    """Return the credentials that are in several repositories: for each its findings, the oldest first."""
    from sqlalchemy import func, select

    from detector.fleet.state.tables import findings, repositories

    several = (
        select(findings.c.fingerprint)
        .where(unresolved)
        .group_by(findings.c.fingerprint)
        .having(func.count() > 1)
        .order_by(func.count().desc(), findings.c.fingerprint)
    )
    fingerprints = db.execute(several).scalars().all()
    found: dict[str, list[Any]] = {}
    for batch in _divide(fingerprints):
        chosen = (
            select(findings.c.fingerprint, findings.c.id, repositories.c.name, repositories.c.key)
            .join(repositories, repositories.c.id == findings.c.repository_id)
            .where(findings.c.fingerprint.in_(batch), unresolved)
            .order_by(findings.c.first_seen, repositories.c.name)
        )
        for row in db.execute(chosen):
            found.setdefault(row.fingerprint, []).append(row)
    return [found[fingerprint] for fingerprint in fingerprints]


def _count_findings(db: Connection) -> dict[str, Any]:
    """Return the number of repositories, findings by state, and unresolved findings by severity."""
    from sqlalchemy import func, select

    from detector.fleet.state.tables import findings, repositories

    columns = findings.c.state, findings.c.severity
    states: dict[str, int] = {}
    severities: dict[str, int] = {}
    for state, severity, number in db.execute(select(*columns, func.count()).group_by(*columns)):
        states[state] = states.get(state, 0) + number
        if state in UNRESOLVED:
            severities[severity] = severities.get(severity, 0) + number
    total = db.execute(select(func.count()).select_from(repositories)).scalar_one()
    return {"repositories": total, "states": states, "unresolved": severities}


def _read_findings(db: Connection, numbers: set[int]) -> dict[int, ListedFinding]:
    """Read findings with the location to show first: one at a branch head, else the oldest."""
    from sqlalchemy import select

    from detector.fleet.state.tables import findings, locations, repositories

    found: dict[int, ListedFinding] = {}
    for batch in _divide(sorted(numbers)):
        shown: dict[int, Any] = {}
        chosen = select(locations).where(locations.c.finding_id.in_(batch))
        for location in db.execute(chosen.order_by(locations.c.finding_id, locations.c.id)):
            known = shown.get(location.finding_id)
            if known is None or (location.at_head and not known.at_head):
                shown[location.finding_id] = location
        joined = select(findings, repositories.c.name.label("repository")).join(
            repositories, repositories.c.id == findings.c.repository_id
        )
        for row in db.execute(joined.where(findings.c.id.in_(batch))):
            at = shown.get(row.id)
            path, line = (at.path, at.line) if at else ("", 0)
            values = row._asdict() | {"path": path, "line": line}
            found[row.id] = ListedFinding(**{name: values[name] for name in ListedFinding._fields})
    return found


def _divide(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + _BATCH_ROWS] for start in range(0, len(items), _BATCH_ROWS))


def _name_repositories(rows: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of repositories; where several have one name, their keys."""
    names = [row.name for row in rows]
    return tuple(row.name if names.count(row.name) == 1 else row.key for row in rows)


def _summarize_skipped(skipped: str) -> str:
    entries = json.loads(skipped)
    first = f"{entries[0][0]}: {entries[0][1]}" if entries else ""
    return f"{first} (and {len(entries) - 1} more)" if len(entries) > 1 else first
