"""The counts of a sweep: for the display while it runs, for the state, and for its summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.fleet.coverage import Coverage, collect_not_listed
from detector.model import RunAccount, Skipped
from detector.text.numbers import format_count

if TYPE_CHECKING:
    from detector.fleet.inventory import RepositoryEntry
    from detector.fleet.lifecycle import EventKind
    from detector.fleet.result_writer import WrittenResult
    from detector.fleet.tasks import ShareResult
    from detector.scan.messages import ShareProgress


class SweepProgress(NamedTuple):
    """How far a sweep is. `running` names the repositories at work; `done` includes the unchanged ones."""

    total: int = 0
    done: int = 0
    unchanged: int = 0
    failed: int = 0
    waiting: int = 0
    running: tuple[str, ...] = ()
    bytes: int = 0
    objects: int = 0


class SweepSummary(NamedTuple):
    """The outcome of a sweep.

    `failed` holds name and reason, `incomplete` names, `events` kind, fingerprint
    and repository. `objects` were read for the first time, `reread` again because
    they contain findings. `superseded` counts results that were not written
    because another sweep had written one for the same repository. `coverage` is what the state says afterwards.
    """

    run: int
    repositories: int
    swept: int
    unchanged: int
    failed: tuple[tuple[str, str], ...]
    incomplete: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    events: tuple[tuple[EventKind, str, str], ...]
    objects: int = 0
    reread: int = 0
    bytes: int = 0
    seconds: float = 0.0
    superseded: int = 0
    interrupted: bool = False
    coverage: Coverage = Coverage()

    @property
    def account(self) -> RunAccount:
        """What this sweep looked at, and what in it asks for action: its exit code is made from that."""
        from detector.fleet.lifecycle import NEEDS_ACTION

        return RunAccount(
            looked_at=format_count(self.repositories, "repository", "repositories"),
            found=sum(kind in NEEDS_ACTION for kind, _, _ in self.events),
            unread=sum(gap.fails for gap in self.coverage.gaps),
            interrupted=self.interrupted,
        )

    @property
    def complete(self) -> bool:
        """Whether every repository was read completely."""
        missed = any(not skip.expected for skip in self.skipped)
        return not (self.failed or self.incomplete or missed or self.interrupted)


class Tally:
    """Counts what happens to the repositories of one sweep; *watch* gets the progress."""

    def __init__(self, watch: Callable[[SweepProgress], None] | None = None) -> None:
        self.progress = SweepProgress()
        self.skipped: list[Skipped] = []
        self._watch = watch
        self._failed: dict[str, tuple[str, str]] = {}
        self._incomplete: list[str] = []
        self._events: list[tuple[EventKind, str, str]] = []
        self._swept = self._objects = self._reread = self._superseded = 0

    def count_listed(self) -> None:
        """Count a repository of the inventory."""
        self.progress = self.progress._replace(total=self.progress.total + 1)

    def count_progress(self, more: ShareProgress) -> None:
        """Add what a worker has read meanwhile."""
        bytes_, objects = self.progress.bytes + more.bytes, self.progress.objects + more.blobs
        self.progress = self.progress._replace(bytes=bytes_, objects=objects)

    def count_scan(self, result: ShareResult) -> None:
        """Count the objects of a share, or of a whole repository."""
        self._objects += result.objects

    def count_unchanged(self, entry: RepositoryEntry, incomplete: bool) -> None:
        """Count a repository that need not be read; *incomplete* says that parts of it could not be read before."""
        if incomplete:
            self._incomplete.append(entry.name)
        done, unchanged = self.progress.done + 1, self.progress.unchanged + 1
        self.progress = self.progress._replace(done=done, unchanged=unchanged)

    def count_failed(self, entry: RepositoryEntry, reason: str) -> None:
        """Count a repository that could not be read."""
        self._failed[entry.key] = entry.name, reason
        self.progress = self.progress._replace(failed=len(self._failed))

    def count_swept(self, entry: RepositoryEntry, written: WrittenResult, reread: int) -> None:
        """Count a repository whose result was written."""
        self._swept += 1
        self._reread += reread
        self._superseded += written.superseded
        self._events += [(kind, fingerprint, entry.name) for kind, fingerprint in written.events]
        if written.incomplete:
            self._incomplete.append(entry.name)
        self.progress = self.progress._replace(done=self.progress.done + 1)

    def show(self, running: tuple[str, ...], waiting: int) -> None:
        """Pass on how far the sweep is."""
        self.progress = self.progress._replace(running=running, waiting=waiting)
        if self._watch:
            self._watch(self.progress)

    def summarize(self, run: int, seconds: float, interrupted: bool) -> SweepSummary:
        """Return the outcome of the sweep."""
        return SweepSummary(
            run=run,
            repositories=self.progress.total,
            swept=self._swept,
            unchanged=self.progress.unchanged,
            failed=tuple(sorted(self._failed.values())),
            incomplete=tuple(sorted(self._incomplete)),
            skipped=tuple(self.skipped),
            events=tuple(self._events),
            objects=self._objects,
            reread=self._reread,
            bytes=self.progress.bytes,
            seconds=seconds,
            superseded=self._superseded,
            interrupted=interrupted,
        )


def collect_counters(summary: SweepSummary) -> dict[str, Any]:
    """Return the numbers of *summary* that the state stores with the run."""
    events = Counter(kind for kind, _, _ in summary.events)
    return {
        "swept": summary.swept,
        "objects": summary.objects,
        "reread": summary.reread,
        "superseded": summary.superseded,
        "repositories": summary.repositories,
        "unchanged": summary.unchanged,
        "failed": len(summary.failed),
        "incomplete": len(summary.incomplete),
        "bytes": summary.bytes,
        "seconds": round(summary.seconds, 3),
        "not_listed": collect_not_listed(summary.skipped),
        "coverage": summary.coverage.to_counts(),
        "events": dict(events),
    }
