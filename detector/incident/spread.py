"""The other repositories of the inventory: locations of the same credentials, and clones to search for dependents.

The state of the fleet answers by keyed digest, without reading a repository. What was
never swept, or has changed since, is swept first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from detector.errors import SourceError
from detector.fleet.coverage import GapKind
from detector.model import Skipped

if TYPE_CHECKING:
    from sqlalchemy import Row

    from detector.fleet.inventory import RepositoryEntry
    from detector.fleet.state.store import State
    from detector.fleet.tasks import WorkerSettings

MAX_PARAMETERS = 500
"""Fingerprints in one database query."""


class ClonedRepository(NamedTuple):
    """One repository of the inventory, with the path of its clone.

    `refs` identifies the state of its refs, as in `SweptRepository`; it is "" if that is not known.
    """

    key: str
    name: str
    path: str
    refs: str = ""


class SweptRepository(NamedTuple):
    """The result of sweeping one repository: `refs` identifies the state of its refs, `findings` is a count."""

    key: str
    name: str
    refs: str
    findings: int
    complete: bool


class FleetLocation(NamedTuple):
    """A location outside of the leaked material. `at_head` says whether it is at a branch head."""

    fingerprint: str
    key: str
    repository: str
    path: str
    line: int
    commit: str
    at_head: bool
    owner: str


class Fleet(Protocol):
    """What an incident needs to know about the fleet."""

    def list_repositories(self) -> Iterator[ClonedRepository | Skipped]:
        """Update the clones of the whole inventory and yield them.

        A clone that a sweep of this incident has just updated, or whose server says that nothing was pushed since,
        costs no request.
        """

    def sweep(
        self, keys: Collection[str] = (), known: Mapping[str, str] | None = None
    ) -> Iterator[SweptRepository | Skipped]:
        """Sweep what has changed in the inventory, or only in the repositories *keys*.

        With *known* (refs by repository name), the repositories *keys* are swept even if
        they have not changed, unless their refs are those in *known*.
        """

    def find_locations(self, fingerprints: Sequence[str]) -> Iterator[FleetLocation]:
        """Yield every known location of these credentials."""

    def mark_ended(self, fingerprint: str, replaced: bool, why: str, by: str) -> None:
        """Record in the fleet's state that a credential is dead; does nothing if the fleet does not have it."""


class EmptyFleet:
    """The fleet of an incident without an inventory."""

    def list_repositories(self) -> Iterator[ClonedRepository | Skipped]:
        """See `Fleet`."""
        return iter(())

    def sweep(
        self, keys: Collection[str] = (), known: Mapping[str, str] | None = None
    ) -> Iterator[SweptRepository | Skipped]:
        """See `Fleet`."""
        assert not keys and not known
        return iter(())

    def find_locations(self, fingerprints: Sequence[str]) -> Iterator[FleetLocation]:
        """See `Fleet`."""
        assert fingerprints is not None
        return iter(())

    def mark_ended(self, fingerprint: str, replaced: bool, why: str, by: str) -> None:
        """See `Fleet`."""


class InventoryFleet:
    """The repositories of an inventory, swept as `leakfirst sweep` does it, with their state in *state*."""

    def __init__(
        self,
        list_entries: Callable[[], Iterator[RepositoryEntry | Skipped]],
        state: State,
        settings: WorkerSettings,
        rules: Mapping[str, str],
        jobs: int,
    ) -> None:
        """*list_entries* lists the inventory anew; the other parameters are those of a sweep."""
        self._list_entries, self._state = list_entries, state
        self._settings, self._rules, self._jobs = settings, rules, jobs
        self._listed: list[RepositoryEntry | Skipped] = []
        self._seen: set[str] = set()

    def _list_once(self) -> list[RepositoryEntry | Skipped]:
        """Return the inventory; the server is asked once."""
        if not self._listed:
            self._listed = list(self._list_entries())
        return self._listed

    def _is_fresh(self, entry: RepositoryEntry, row: Row[Any] | None) -> bool:
        """Return whether the clone is known to be as the server has it."""
        if row is None or row.failures:
            return False
        return entry.key in self._seen or bool(entry.version and entry.version == row.version)

    def list_repositories(self) -> Iterator[ClonedRepository | Skipped]:
        """See `Fleet`."""
        from detector.fleet.clones import UnreachableRepository
        from detector.fleet.inventory import RepositoryKind

        rows = self._state.list_repositories()
        for entry in self._list_once():
            if isinstance(entry, Skipped):
                yield entry
                continue
            if entry.kind is RepositoryKind.PACKAGE:
                continue  # nothing to clone; what depends on the leaked package is in repositories
            row, path = rows.get(entry.key), self._settings.clones.find_path(entry)
            if row is not None and self._is_fresh(entry, row) and os.path.isdir(path):
                yield ClonedRepository(entry.key, entry.name, path, row.state_digest)
                continue
            try:
                yield ClonedRepository(entry.key, entry.name, self._settings.clones.refresh(entry).path)
            except UnreachableRepository as error:
                yield Skipped(entry.name, str(error))
                if error.clone:
                    yield ClonedRepository(entry.key, entry.name, error.clone.path)
            except SourceError as error:
                yield Skipped(entry.name, str(error))

    def sweep(
        self, keys: Collection[str] = (), known: Mapping[str, str] | None = None
    ) -> Iterator[SweptRepository | Skipped]:
        """See `Fleet`."""
        if not keys:
            self._listed = []
        listed = [entry for entry in self._list_once() if not keys or isinstance(entry, Skipped) or entry.key in keys]
        before = self._state.list_repositories()
        if known is not None:
            stale = [key for key in keys if key in before and before[key].state_digest != known.get(before[key].name)]
            self._mark_changed(stale)
        yield from self._run_sweep(listed)
        counts = self._count_findings()
        listed_keys = {entry.key for entry in listed if not isinstance(entry, Skipped)}
        for key, row in self._state.list_repositories().items():
            if key in listed_keys:
                yield SweptRepository(key, row.name, row.state_digest, counts.get(row.id, 0), row.complete)

    def _run_sweep(self, listed: Sequence[RepositoryEntry | Skipped]) -> Iterator[Skipped]:
        from detector.fleet.executors import ExecutorOptions, open_executor
        from detector.fleet.sweep import SweepOptions, sweep

        options = SweepOptions(self._settings)
        where = ExecutorOptions(processes=self._jobs, fetchers=options.fetchers)
        with open_executor("local", self._settings, where) as executor:
            summary = sweep(listed, self._state, options, executor, self._rules)
        if summary.interrupted:
            raise KeyboardInterrupt
        failed = {gap.subject for gap in summary.coverage.gaps if gap.kind == GapKind.FAILED}
        self._seen |= {entry.key for entry in listed if not isinstance(entry, Skipped)} - failed
        yield from summary.skipped
        acknowledged = {gap.name for gap in summary.coverage.gaps if gap.acknowledged_until}
        yield from (Skipped(name, why, name in acknowledged) for name, why in summary.failed)
        for name in summary.incomplete:
            yield Skipped(name, "could not be read completely", name in acknowledged)

    def _mark_changed(self, keys: Sequence[str]) -> None:
        """Make the next sweep treat *keys* as changed: it reads new objects and those with known findings."""
        from sqlalchemy import update

        from detector.fleet.state.tables import repositories

        if keys:
            with self._state.write() as db:
                db.execute(update(repositories).where(repositories.c.key.in_(keys)).values(state_digest=""))

    def _count_findings(self) -> dict[int, int]:
        from sqlalchemy import func, select

        from detector.fleet.lifecycle import FindingState
        from detector.fleet.state.tables import findings

        present = select(findings.c.repository_id, func.count()).where(findings.c.state != FindingState.ABSENT.value)
        with self._state.read() as db:
            return {row[0]: row[1] for row in db.execute(present.group_by(findings.c.repository_id)).all()}

    def find_locations(self, fingerprints: Sequence[str]) -> Iterator[FleetLocation]:
        """See `Fleet`."""
        from sqlalchemy import select

        from detector.fleet.state.tables import findings, locations, repositories

        query = (
            select(repositories.c.key, repositories.c.name, findings.c.fingerprint, findings.c.owner, locations)
            .join(findings, findings.c.repository_id == repositories.c.id)
            .join(locations, locations.c.finding_id == findings.c.id)
            .order_by(repositories.c.name, locations.c.path, locations.c.line, locations.c.id)
        )
        for start in range(0, len(fingerprints), MAX_PARAMETERS):
            some = list(fingerprints[start : start + MAX_PARAMETERS])
            with self._state.read() as db:
                rows = db.execute(query.where(findings.c.fingerprint.in_(some))).all()
            for row in rows:
                at = row.key, row.name, row.path, row.line, row.commit_id
                yield FleetLocation(row.fingerprint, *at, bool(row.at_head), row.owner)

    def mark_ended(self, fingerprint: str, replaced: bool, why: str, by: str) -> None:
        """See `Fleet`."""
        from detector.errors import UsageError
        from detector.fleet.lifecycle import FindingState

        with suppress(UsageError):  # no repository of the fleet contains it
            state = FindingState.ROTATED if replaced else FindingState.DEAD
            self._state.resolve(fingerprint, state, why, by)
