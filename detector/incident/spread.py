"""The other repositories: where the same credentials stand, who imports the package, and looking at them again.

The fleet's state answers by keyed digest, without reading anything; what was
never swept, or has changed since, is read now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from detector.errors import SourceError
from detector.model import Skipped

if TYPE_CHECKING:
    from detector.fleet.inventory import Entry
    from detector.fleet.state.store import State
    from detector.fleet.tasks import WorkerSettings


class Repository(NamedTuple):
    """One repository of the inventory, with the clone in which it can be read."""

    key: str
    name: str
    path: str


class Swept(NamedTuple):
    """A repository that was looked at just now: what names the state it was in, and how many findings it has."""

    key: str
    name: str
    refs: str
    findings: int
    complete: bool


class Standing(NamedTuple):
    """A place outside of the exposed material; `tip` says that it stands at the tip of a branch today."""

    fingerprint: str
    key: str
    repository: str
    path: str
    line: int
    commit: str
    tip: bool
    owner: str


class Fleet(Protocol):
    """What an incident asks of the fleet."""

    def repositories(self) -> Iterator[Repository | Skipped]:
        """Bring the clones of the whole inventory up to date and yield them."""

    def sweep(self, keys: Collection[str] = (), known: Mapping[str, str] | None = None) -> Iterator[Swept | Skipped]:
        """Look at what has changed in the inventory, or only in *keys*.

        With *known*, these are looked at again, changed or not, unless they are
        in the state that it names: the one in which they were looked at before.
        """

    def standing(self, fingerprints: Sequence[str]) -> Iterator[Standing]:
        """Yield every known place of these credentials."""

    def settle(self, fingerprint: str, replaced: bool, why: str, by: str) -> None:
        """Let the fleet know that a credential has ended; one that stands nowhere is fine."""


class Nowhere:
    """A fleet of no repositories: an incident without an inventory."""

    def repositories(self) -> Iterator[Repository | Skipped]:
        """See `Fleet`."""
        return iter(())

    def sweep(self, keys: Collection[str] = (), known: Mapping[str, str] | None = None) -> Iterator[Swept | Skipped]:
        """See `Fleet`."""
        assert not keys and not known
        return iter(())

    def standing(self, fingerprints: Sequence[str]) -> Iterator[Standing]:
        """See `Fleet`."""
        assert fingerprints is not None
        return iter(())

    def settle(self, fingerprint: str, replaced: bool, why: str, by: str) -> None:
        """See `Fleet`."""


class Inventory:
    """The fleet of an inventory: swept as the sweep sweeps it, with what is known of it in *state*."""

    def __init__(
        self,
        entries: Callable[[], Iterator[Entry | Skipped]],
        state: State,
        settings: WorkerSettings,
        rules: Mapping[str, str],
        jobs: int,
    ) -> None:
        """*entries* lists the inventory anew; the rest is what a sweep is given."""
        self._entries, self._state = entries, state
        self._settings, self._rules, self._jobs = settings, rules, jobs

    def repositories(self) -> Iterator[Repository | Skipped]:
        """See `Fleet`."""
        from detector.fleet.clones import Unreachable

        for entry in self._entries():
            if isinstance(entry, Skipped):
                yield entry
                continue
            try:
                yield Repository(entry.key, entry.name, self._settings.clones.refresh(entry).path)
            except Unreachable as error:
                yield Skipped(entry.name, str(error))
                if error.clone:
                    yield Repository(entry.key, entry.name, error.clone.path)
            except SourceError as error:
                yield Skipped(entry.name, str(error))

    def sweep(self, keys: Collection[str] = (), known: Mapping[str, str] | None = None) -> Iterator[Swept | Skipped]:
        """See `Fleet`."""
        listed = [entry for entry in self._entries() if not keys or isinstance(entry, Skipped) or entry.key in keys]
        before = self._state.list_repositories()
        if known is not None:
            stale = [key for key in keys if key in before and before[key].state_digest != known.get(before[key].name)]
            self._forget(stale)
        yield from self._swept(listed)
        counted = self._counted()
        for key, row in self._state.list_repositories().items():
            if any(not isinstance(entry, Skipped) and entry.key == key for entry in listed):
                yield Swept(key, row.name, row.state_digest, counted.get(row.id, 0), row.complete)

    def _swept(self, listed: Sequence[Entry | Skipped]) -> Iterator[Skipped]:
        from detector.fleet.executors import ExecutorOptions, open_executor
        from detector.fleet.sweep import SweepOptions, sweep

        options = SweepOptions(self._settings)
        where = ExecutorOptions(processes=self._jobs, fetchers=options.fetchers)
        with open_executor("local", self._settings, where) as executor:
            summary = sweep(listed, self._state, options, executor, self._rules)
        if summary.interrupted:
            raise KeyboardInterrupt
        yield from summary.skipped
        yield from (Skipped(name, why) for name, why in summary.failed)
        yield from (Skipped(name, "could not be read to the end") for name in summary.incomplete)

    def _forget(self, keys: Sequence[str]) -> None:
        """Let the sweep take these for changed: it reads what is new and everything that is known to say something."""
        from sqlalchemy import update

        from detector.fleet.state.tables import repositories

        if keys:
            with self._state.write() as db:
                db.execute(update(repositories).where(repositories.c.key.in_(keys)).values(state_digest=""))

    def _counted(self) -> dict[int, int]:
        from sqlalchemy import func, select

        from detector.fleet.lifecycle import FindingState
        from detector.fleet.state.tables import findings

        there = select(findings.c.repository_id, func.count()).where(findings.c.state != FindingState.ABSENT.value)
        with self._state.read() as db:
            return {row[0]: row[1] for row in db.execute(there.group_by(findings.c.repository_id)).all()}

    def standing(self, fingerprints: Sequence[str]) -> Iterator[Standing]:
        """See `Fleet`."""
        from sqlalchemy import select

        from detector.fleet.state.tables import findings, locations, repositories

        chosen = (
            select(repositories.c.key, repositories.c.name, findings.c.fingerprint, findings.c.owner, locations)
            .join(findings, findings.c.repository_id == repositories.c.id)
            .join(locations, locations.c.finding_id == findings.c.id)
            .order_by(repositories.c.name, locations.c.path, locations.c.line, locations.c.id)
        )
        for start in range(0, len(fingerprints), 500):
            some = list(fingerprints[start : start + 500])
            with self._state.read() as db:
                rows = db.execute(chosen.where(findings.c.fingerprint.in_(some))).all()
            for row in rows:
                where = row.key, row.name, row.path, row.line, row.commit_id
                yield Standing(row.fingerprint, *where, bool(row.at_head), row.owner)

    def settle(self, fingerprint: str, replaced: bool, why: str, by: str) -> None:
        """See `Fleet`."""
        from detector.errors import UsageError
        from detector.fleet.lifecycle import FindingState

        with suppress(UsageError):  # it stands nowhere in the fleet
            state = FindingState.ROTATED if replaced else FindingState.DEAD
            self._state.resolve(fingerprint, state, why, by)
