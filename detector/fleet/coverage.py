"""How much of the fleet a sweep looked at, and what it did not look at.

A sweep that loses its repositories finds nothing new. So the state remembers what each specification
listed: a repository that is missing from a complete list is lost, and its findings are *lost sight of*.
Every gap is a `Gap`; it fails the sweep unless somebody has acknowledged exactly this gap, for a while.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.errors import UsageError
from detector.fleet.lifecycle import UNRESOLVED
from detector.text.numbers import format_count

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from detector.fleet.inventory import EndOfListing
    from detector.fleet.state.store import State
    from detector.model import Skipped

ARCHIVED = "archived"
"""Why a repository is left out that its server calls archived."""

MAX_ACKNOWLEDGED_DAYS = 366
"""Days after which an acknowledgement ends at the latest."""

MAX_NOT_LISTED = 1000
"""Gaps of the lists that are stored with a run."""


class GapKind(StrEnum):
    """What was not looked at.

    `LOST`: a repository that its complete list does not name any more. `ARCHIVED`: one that is left out since it is
    archived. `FAILED`: nothing of it could be read, `UNREAD`: parts of it could not. `NOT_LISTED`: a list could not
    be read, or a row of it. `EMPTY`: a list without a repository.
    """

    LOST = "lost"
    ARCHIVED = "archived"
    FAILED = "failed"
    UNREAD = "unread"
    NOT_LISTED = "not-listed"
    EMPTY = "empty"


class CoverageLimits(NamedTuple):
    """When a gap fails a sweep: a list may lose less than *max_shrink* of its repositories.

    A repository that was not checked for *stale_days* is stale, which fails nothing by itself.
    """

    max_shrink: float = 0.1
    stale_days: float = 7


class Gap(NamedTuple):
    """One thing that was not looked at, since the instant *since*.

    `subject` is the key of the repository, or the list; `name` is for people. `problems` says exactly what is wrong:
    only that is acknowledged. `open_findings` counts the unresolved findings of the repository. With `fails`, the
    sweep that met it is not complete.
    """

    kind: GapKind
    subject: str
    name: str
    problems: tuple[str, ...]
    since: str = ""
    open_findings: int = 0
    fails: bool = False
    acknowledged_until: str = ""


class Coverage(NamedTuple):
    """Counts of repositories, and the gaps. `stale` and `left_out` name repositories."""

    known: int = 0
    listed: int = 0
    swept: int = 0
    unchanged: int = 0
    gaps: tuple[Gap, ...] = ()
    left_out: Mapping[str, int] = {}
    stale: tuple[str, ...] = ()
    oldest_check: str = ""
    lost_findings: int = 0

    @property
    def complete(self) -> bool:
        """Whether no gap fails the sweep."""
        return not any(gap.fails for gap in self.gaps)

    def select(self, kind: GapKind) -> tuple[Gap, ...]:
        """Return the gaps of one kind."""
        return tuple(gap for gap in self.gaps if gap.kind == kind)

    def to_counts(self) -> dict[str, int]:
        """Return the numbers that the state keeps with a run, and that a metric shows."""
        kinds = Counter(gap.kind for gap in self.gaps)
        return {
            "known": self.known,
            "listed": self.listed,
            "swept": self.swept,
            "unchanged": self.unchanged,
            **{kind.value.replace("-", "_"): kinds[kind] for kind in GapKind},
            "left_out": sum(self.left_out.values()),
            "stale": len(self.stale),
            "acknowledged": sum(bool(gap.acknowledged_until) for gap in self.gaps),
            "failing": sum(gap.fails for gap in self.gaps),
            "lost_findings": self.lost_findings,
        }


# -- what a listing says -------------------------------------------------------


def record_listing(
    state: State, run: int, end: EndOfListing, listed: Collection[str], left_out: Mapping[str, str]
) -> None:
    """Record what a specification lists: keys, and keys that are left out with the reason.

    Of a list that is not complete, a repository that is missing is not lost.
    """
    from sqlalchemy import select, update

    from detector.fleet.state.store import BATCH_ROWS, utc_now
    from detector.fleet.state.tables import repositories

    columns = repositories.c.key, repositories.c.lost_at, repositories.c.kind
    with state.read() as db:
        rows = db.execute(select(*columns).where(repositories.c.spec == end.spec)).all()
    missing: dict[str, list[str]] = {}
    for row in rows:
        if row.key in listed:
            continue
        if row.key in left_out or row.kind in end.without:
            missing.setdefault(left_out.get(row.key, row.kind), []).append(row.key)
        elif end.complete:
            missing.setdefault("", []).append(row.key)
    since = {row.key: row.lost_at for row in rows}
    now = utc_now()
    for reason, keys in missing.items():
        for start in range(0, len(keys), BATCH_ROWS):
            batch = keys[start : start + BATCH_ROWS]
            with state.write() as db:
                chosen = update(repositories).where(repositories.c.key.in_(batch))
                values = {"left_out": reason, "run_id": run, **({"archived": True} if reason == ARCHIVED else {})}
                db.execute(chosen.values(values))
                first = [key for key in batch if not since[key]]
                db.execute(update(repositories).where(repositories.c.key.in_(first)).values(lost_at=now))


# -- acknowledgements ----------------------------------------------------------


def acknowledge(state: State, names: Collection[str], reason: str, by: str, days: float, run: int = 0) -> list[Gap]:
    """Acknowledge the present gaps of *names* (keys, names or lists) for *days*; 0 withdraws. Returns these gaps.

    A name without a gap is a `UsageError`.
    """
    from sqlalchemy import delete

    from detector.fleet.state.store import make_storable, upsert, utc_now
    from detector.fleet.state.tables import acknowledgements

    if not 0 <= days <= MAX_ACKNOWLEDGED_DAYS:
        raise UsageError(f"--days must be at most {MAX_ACKNOWLEDGED_DAYS}: nothing is acknowledged for ever")
    gaps = load_coverage(state, run).gaps
    chosen = [gap for gap in gaps if gap.subject in names or gap.name in names]
    if unknown := sorted(set(names) - {gap.subject for gap in chosen} - {gap.name for gap in chosen}):
        raise UsageError(f"{unknown[0]}: nothing is missing there; `leakfirst sweep acknowledge` lists the gaps")
    now = utc_now()
    expires = (datetime.fromisoformat(now) + timedelta(days=days)).isoformat(timespec="seconds")
    rows = [
        {
            "subject": make_storable(gap.subject),
            "problem": make_storable(problem),
            "reason": make_storable(reason),
            "actor": by,
            "at": now,
            "expires": expires,
        }
        for gap in chosen
        for problem in gap.problems
    ]
    with state.write() as db:
        if days:
            upsert(db, acknowledgements, rows, ("subject", "problem"), ("reason", "actor", "at", "expires"))
        for gap in () if days else chosen:
            db.execute(delete(acknowledgements).where(acknowledgements.c.subject == gap.subject))
        db.execute(delete(acknowledgements).where(acknowledgements.c.expires <= now))
    return chosen


# -- what the state says -------------------------------------------------------


def load_coverage(
    state: State, run: int, limits: CoverageLimits | None = None, not_listed: Sequence[Skipped] | None = None
) -> Coverage:
    """Return the coverage as of *run* (0: of the last one).

    *not_listed* is what the inventory could not list, by default what was stored with the run.
    """
    with state.read() as db:
        return read_coverage(db, run, limits, not_listed)


def read_coverage(
    db: Connection, run: int, limits: CoverageLimits | None = None, not_listed: Sequence[Skipped] | None = None
) -> Coverage:
    """Return the coverage, within the transaction *db*."""
    from sqlalchemy import select

    from detector.fleet.state.store import utc_now
    from detector.fleet.state.tables import acknowledgements, repositories, runs

    limits = limits or CoverageLimits()
    now = utc_now()
    chosen = select(runs).where(runs.c.id == run) if run else select(runs).order_by(runs.c.id.desc())
    last = db.execute(chosen).first()
    counters = json.loads(last.counters) if last else {}
    numbers = {name: counters.get(name, 0) for name in ("swept", "unchanged")}
    known_gaps = db.execute(select(acknowledgements).where(acknowledgements.c.expires > now)).all()
    until = {(row.subject, row.problem): row.expires for row in known_gaps}
    columns = [repositories.c[name] for name in _COLUMNS]
    rows = db.execute(select(*columns).order_by(repositories.c.name)).all()
    open_findings = _count_open(db)
    run_number = last.id if last else 0
    if not_listed is None:
        listed_gaps = [tuple(item) for item in counters.get("not_listed", ())]
    else:
        listed_gaps = collect_not_listed(not_listed)
    gaps = [
        *(_judge_list(where, reason, last.started if last else "", until) for where, reason in listed_gaps),
        *_judge_repositories(rows, run_number, open_findings, until, limits),
    ]
    stale_before = (datetime.fromisoformat(now) - timedelta(days=limits.stale_days)).isoformat(timespec="seconds")
    present = [row for row in rows if not row.lost_at]
    return Coverage(
        known=len(rows),
        listed=sum(row.run_id == run_number for row in present),
        **numbers,
        gaps=tuple(gaps),
        left_out=Counter(row.left_out for row in rows if row.left_out),
        stale=tuple(row.name for row in present if (row.checked_at or row.unread_since) < stale_before),
        oldest_check=min((row.checked_at for row in present), default=""),
        lost_findings=sum(open_findings.get(row.id, 0) for row in rows if row.lost_at and not row.left_out),
    )


_COLUMNS = (
    *("id", "key", "name", "spec", "run_id", "lost_at", "left_out", "unread_since"),
    *("failures", "failure", "failed_at", "skipped", "checked_at"),
)


def collect_not_listed(skipped: Iterable[Skipped]) -> list[tuple[str, str]]:
    """Return the gaps of the lists as they are stored with a run."""
    return [(skip.where, skip.reason) for skip in skipped if not skip.expected][:MAX_NOT_LISTED]


EMPTY_LIST = "lists no repository"


def _count_open(db: Connection) -> dict[int, int]:
    from sqlalchemy import func, select

    from detector.fleet.state.tables import findings

    unresolved = select(findings.c.repository_id, func.count()).where(findings.c.state.in_(UNRESOLVED))
    rows = db.execute(unresolved.group_by(findings.c.repository_id)).all()
    return {row[0]: row[1] for row in rows}


def _judge_list(where: str, reason: str, since: str, until: Mapping[tuple[str, str], str]) -> Gap:
    kind = GapKind.EMPTY if reason == EMPTY_LIST else GapKind.NOT_LISTED
    return _acknowledge(Gap(kind, where, where, (reason,), since, fails=True), until)


def _judge_repositories(
    rows: Sequence[Row[Any]],
    run: int,
    open_findings: Mapping[int, int],
    until: Mapping[tuple[str, str], str],
    limits: CoverageLimits,
) -> Iterable[Gap]:
    """Yield the gaps of repositories; those of lists that *run* did not ask for fail nothing."""
    listed = Counter(row.spec for row in rows if not row.lost_at and row.run_id == run)
    gaps = {}
    for row in rows:
        gap = _judge_repository(row, run, open_findings.get(row.id, 0))
        if gap:
            gaps[row.key] = row.spec, _acknowledge(gap, until)
    lost = Counter(spec for spec, gap in gaps.values() if gap.kind == GapKind.LOST and not gap.acknowledged_until)
    in_run = {row.key for row in rows if row.run_id == run}
    for key, (spec, gap) in gaps.items():
        shrunk = gap.kind == GapKind.LOST and lost[spec] >= limits.max_shrink * (listed[spec] + lost[spec])
        yield gap._replace(fails=gap.fails or (shrunk and key in in_run and not gap.acknowledged_until))


def _judge_repository(row: Row[Any], run: int, open_findings: int) -> Gap | None:
    """Return the gap of one repository, or None if everything of it was looked at, or was not asked for."""
    now = row.run_id == run
    if row.lost_at:
        if row.left_out and (row.left_out != ARCHIVED or not open_findings):
            return None
        kind = GapKind.ARCHIVED if row.left_out else GapKind.LOST
        problem = f"{kind.value} since {row.lost_at}"  # a repository that returns and is lost again is another gap
        return Gap(kind, row.key, row.name, (problem,), row.lost_at, open_findings, now and open_findings > 0)
    if row.failures:
        return Gap(GapKind.FAILED, row.key, row.name, (row.failure,), row.unread_since, open_findings, now)
    if row.skipped != "[]":
        problems = tuple(f"{where}: {reason}" for where, reason in json.loads(row.skipped))
        return Gap(GapKind.UNREAD, row.key, row.name, problems, row.unread_since, open_findings, now)
    return None


def _acknowledge(gap: Gap, until: Mapping[tuple[str, str], str]) -> Gap:
    """Return *gap* as acknowledged if all of its problems are."""
    ends = [until.get((gap.subject, problem), "") for problem in gap.problems]
    return gap._replace(fails=False, acknowledged_until=min(ends)) if ends and all(ends) else gap


# -- for people ------------------------------------------------------------


def format_coverage(coverage: Coverage) -> str:
    """Return how much of the fleet was looked at, in one line."""
    numbers = coverage.to_counts()
    archived = f"{coverage.left_out.get(ARCHIVED, 0)} archived"
    return (
        f"Coverage: {numbers['listed']} listed, {numbers['swept']} scanned, {numbers['unchanged']} unchanged, "
        f"{numbers['failed']} failed, {numbers['unread']} not read completely; {numbers['lost']} not listed any more, "
        f"{archived}, {numbers['stale']} stale; {format_count(numbers['failing'], 'gap')} not acknowledged"
    )


def format_since(since: str, acknowledged_until: str) -> str:
    """Return since which day something is wrong, and until which day that is acknowledged."""
    begun = f", since {since[:10]}" if since else ""
    return begun + (f", acknowledged until {acknowledged_until[:10]}" if acknowledged_until else "")
