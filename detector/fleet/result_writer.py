"""Write what a sweep finds to the state: the run, results, failures, and unchanged repositories in batches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.fleet.repository_work import RepositoryWork
from detector.fleet.state.store import RepositoryRecord
from detector.fleet.tasks import RepositoryFindings, ShareResult

if TYPE_CHECKING:
    from sqlalchemy import Row

    from detector.fleet.inventory import RepositoryEntry
    from detector.fleet.lifecycle import EventKind
    from detector.fleet.state.run_status import RunStatus
    from detector.fleet.state.store import State

RETRY_AFTER = timedelta(days=7)
"""When to try again what could not be read of an unchanged repository."""

BATCH = 500
"""Unchanged repositories that are written in one transaction."""


class WrittenResult(NamedTuple):
    """The new events of a repository as kind and fingerprint.

    `incomplete` says that parts of the repository could not be read, `superseded`
    that another sweep had written a result meanwhile, so that this one was not.
    """

    events: tuple[tuple[EventKind, str], ...] = ()
    incomplete: bool = False
    superseded: bool = False


class ResultWriter:
    """Writes the results of one run, which it begins; *today* is an ISO date."""

    def __init__(self, state: State, ruleset: int, deadlines: Mapping[str, float], today: str) -> None:
        self._state = state
        self._ruleset = ruleset
        self._deadlines = deadlines
        self._today = date.fromisoformat(today)
        self._unchanged: list[str] = []
        self._renamed: dict[str, dict[str, Any]] = {}
        state.save_deadlines(deadlines)
        self.run = state.begin_run(ruleset)

    def write_unchanged(self, entry: RepositoryEntry, row: Row[Any]) -> None:
        """Note that nothing has changed in a repository; `flush` writes it at the latest."""
        self._unchanged.append(entry.key)
        listed = {"name": entry.name, **_list_columns(entry)}
        if any(getattr(row, name) != value for name, value in listed.items()):
            self._renamed[entry.key] = listed
        if len(self._unchanged) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write the unchanged repositories."""
        if self._unchanged:
            self._state.mark_unchanged(self._unchanged, self.run, self._renamed)
            self._unchanged, self._renamed = [], {}

    def write_failure(self, entry: RepositoryEntry, reason: str) -> None:
        """Write that a repository could not be read."""
        self._state.record_failure(entry.key, entry.name, reason, self.run, entry.spec)

    def write_result(self, work: RepositoryWork, scan: ShareResult, findings: RepositoryFindings) -> WrittenResult:
        """Write the result of a repository in one transaction."""
        record = self._make_record(work, scan, findings)
        outcome = self._state.record_result(record, self.run, self._deadlines)
        return WrittenResult(outcome.events, bool(record.skipped), outcome.superseded)

    def end_run(self, status: RunStatus, counters: Mapping[str, Any]) -> None:
        """Write how the run ended."""
        self._state.end_run(self.run, status, counters)

    def _make_record(self, work: RepositoryWork, scan: ShareResult, findings: RepositoryFindings) -> RepositoryRecord:
        unread = tuple(sorted({skip for skip in (*scan.skipped, *findings.skipped) if not skip.expected}))
        may_succeed_later = scan.failed or any(not skip.expected for skip in findings.skipped)
        recheck_on = findings.recheck_on
        if unread:
            recheck_on = min(filter(None, (recheck_on, (self._today + RETRY_AFTER).isoformat())))
        return RepositoryRecord(
            key=work.key,
            name=work.entry.name,
            base_revision=work.row.revision if work.row is not None else 0,
            ruleset=self._ruleset,
            state_digest="" if may_succeed_later else work.survey.state_digest,
            complete=not scan.failed,
            findings=findings.findings,
            packs=b"" if unread else work.packs,
            flagged=b"".join(sorted(work.flagged)),
            attributions=b"" if may_succeed_later else findings.attributions,
            recheck_on=recheck_on,
            skipped=tuple((skip.where, skip.reason) for skip in unread),
            listed=_list_columns(work.entry),
            objects=scan.objects,
            seconds=work.seconds,
        )


def _list_columns(entry: RepositoryEntry) -> dict[str, Any]:
    """Return what the inventory says about a repository besides its name, by column."""
    spec = {"spec": entry.spec} if entry.spec else {}
    return {
        **spec,
        "url": entry.url,
        "kind": entry.kind,
        "archived": entry.archived,
        "fork": entry.fork,
        "default_branch": entry.default_branch,
        "version": entry.version,
    }
