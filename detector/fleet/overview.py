"""What the state says to a person: what changed, what is overdue, what stands in several repositories.

Read in one go, so that all parts speak of the same moment, and turned into
plain values that every report prints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.fleet.lifecycle import UNSETTLED

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from detector.fleet.state.store import State

MOST = 10_000
"""Findings that a report lists."""


class Line(NamedTuple):
    """One finding, and the first place where it stands."""

    fingerprint: str
    rule: str
    severity: str
    state: str
    shown: str
    repository: str
    path: str
    line: int
    owner: str
    deadline: str
    first_seen: str
    last_seen: str
    reason: str = ""


class Change(NamedTuple):
    """Something that happened to a finding."""

    what: str
    detail: str
    who: str
    at: str
    finding: Line


class Shared(NamedTuple):
    """One credential that stands in several repositories."""

    finding: Line
    repositories: tuple[str, ...]


class Trouble(NamedTuple):
    """A repository that could not be read, or not to the end."""

    repository: str
    why: str
    times: int = 1


class Overview(NamedTuple):
    """Everything that a report of the fleet may print. Instants are ISO 8601 in UTC."""

    now: str
    run: Mapping[str, Any]
    counts: Mapping[str, Any]
    changes: tuple[Change, ...]
    overdue: tuple[Line, ...]
    shared: tuple[Shared, ...]
    failing: tuple[Trouble, ...]
    incomplete: tuple[Trouble, ...]
    findings: tuple[Line, ...]


def overview(state: State, run: int = 0) -> Overview:
    """Read the state; changes are those of *run*, by default the last one, and of people since it began."""
    from sqlalchemy import func, or_, select

    from detector.fleet.state.store import now
    from detector.fleet.state.tables import events, findings, repositories, runs

    at = now()
    with state.read() as db:
        last = db.execute(
            select(runs).where(runs.c.id == run) if run else select(runs).order_by(runs.c.id.desc())
        ).first()
        told = last._asdict() if last else {}
        happened: Sequence[Any] = ()
        if last:
            by_people = events.c.run_id.is_(None) & (events.c.at >= last.started)
            recent = or_(events.c.run_id == last.id, by_people)
            happened = db.execute(select(events).where(recent).order_by(events.c.id).limit(MOST)).all()
        unsettled = findings.c.state.in_(UNSETTLED)
        open_ids = (
            db.execute(select(findings.c.id).where(unsettled).order_by(findings.c.deadline, findings.c.id))
            .scalars()
            .all()
        )
        late = (findings.c.deadline != "") & (findings.c.deadline < at) & unsettled
        late_ids = (
            db.execute(select(findings.c.id).where(late).order_by(findings.c.deadline, findings.c.id)).scalars().all()
        )
        several = (
            select(findings.c.fingerprint)
            .where(unsettled)
            .group_by(findings.c.fingerprint)
            .having(func.count() > 1)
            .order_by(func.count().desc(), findings.c.fingerprint)
        )
        names = db.execute(several.limit(MOST)).scalars().all()
        lines = _lines(db, {*open_ids[:MOST], *late_ids[:MOST], *(event.finding_id for event in happened)})
        standing: dict[str, list[Any]] = {}
        for start in range(0, len(names), 500):
            query = (
                select(findings.c.fingerprint, findings.c.id, repositories.c.name, repositories.c.key)
                .join(repositories, repositories.c.id == findings.c.repository_id)
                .where(findings.c.fingerprint.in_(names[start : start + 500]), unsettled)
                .order_by(findings.c.first_seen, repositories.c.name)
            )
            for row in db.execute(query):
                standing.setdefault(row.fingerprint, []).append(row)
        lines |= _lines(db, {rows[0].id for rows in standing.values()} - lines.keys())
        failing = db.execute(
            select(repositories).where(repositories.c.failures > 0).order_by(repositories.c.name)
        ).all()
        partly = db.execute(
            select(repositories).where(repositories.c.skipped != "[]").order_by(repositories.c.name)
        ).all()
        by_state = db.execute(
            select(findings.c.state, findings.c.severity, func.count()).group_by(findings.c.state, findings.c.severity)
        ).all()
        total = db.execute(select(func.count()).select_from(repositories)).scalar_one()
    states: dict[str, int] = {}
    severities: dict[str, int] = {}
    for kind, severity, number in by_state:
        states[kind] = states.get(kind, 0) + number
        if kind in UNSETTLED:
            severities[severity] = severities.get(severity, 0) + number
    if told:
        told["counters"] = json.loads(told["counters"])
    return Overview(
        now=at,
        run=told,
        counts={"repositories": total, "states": states, "unsettled": severities, "overdue": len(late_ids)},
        changes=tuple(Change(e.what, e.detail, e.who, e.at, lines[e.finding_id]) for e in happened),
        overdue=tuple(lines[number] for number in late_ids[:MOST]),
        shared=tuple(Shared(lines[rows[0].id], _named(rows)) for rows in (standing[name] for name in names)),
        failing=tuple(Trouble(row.name, row.failure, row.failures) for row in failing),
        incomplete=tuple(Trouble(row.name, _why(row.skipped)) for row in partly),
        findings=tuple(lines[number] for number in open_ids[:MOST]),
    )


def _lines(db: Connection, numbers: set[int]) -> dict[int, Line]:
    """Read findings with the place to show first: one of today, else the oldest."""
    from sqlalchemy import select

    from detector.fleet.state.tables import findings, places, repositories

    found: dict[int, Line] = {}
    ordered = sorted(numbers)
    for start in range(0, len(ordered), 500):
        some = ordered[start : start + 500]
        where: dict[int, Any] = {}
        chosen = select(places).where(places.c.finding_id.in_(some)).order_by(places.c.finding_id, places.c.id)
        for place in db.execute(chosen):
            known = where.get(place.finding_id)
            if known is None or (place.tip and not known.tip):
                where[place.finding_id] = place
        joined = select(findings, repositories.c.name.label("repository")).join(
            repositories, repositories.c.id == findings.c.repository_id
        )
        for row in db.execute(joined.where(findings.c.id.in_(some))):
            at = where.get(row.id)
            found[row.id] = Line(
                fingerprint=row.fingerprint,
                rule=row.rule,
                severity=row.severity,
                state=row.state,
                shown=row.shown,
                repository=row.repository,
                path=at.path if at else "",
                line=at.line if at else 0,
                owner=row.owner,
                deadline=row.deadline,
                first_seen=row.first_seen,
                last_seen=row.last_seen,
                reason=row.reason,
            )
    return found


def _named(rows: Sequence[Any]) -> tuple[str, ...]:
    """Name repositories, by their keys where several have one name."""
    names = [row.name for row in rows]
    return tuple(row.name if names.count(row.name) == 1 else row.key for row in rows)


def _why(skipped: str) -> str:
    entries = json.loads(skipped)
    first = f"{entries[0][0]}: {entries[0][1]}" if entries else ""
    return f"{first} (and {len(entries) - 1} more)" if len(entries) > 1 else first
