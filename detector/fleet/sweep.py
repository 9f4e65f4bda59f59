"""Sweep a fleet: scan every repository of an inventory, reading only what is new.

The coordinator decides and writes, workers read (tasks.py). It knows which
objects were read in any repository, so a fork costs only its own commits. A
repository that shares many objects with one that is being read waits for it.

The result of a repository is written once, when it is complete. If the
coordinator is killed, the next sweep reads the unfinished repositories again; of
a large repository, only the unfinished shares.

The parts: task_queue.py hands out tasks, claims.py prevents reading twice,
read_objects.py selects what to read, tally.py counts, result_writer.py writes.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.errors import LeakfirstError
from detector.fleet.claims import Claims
from detector.fleet.clone_damage import suggests_damage
from detector.fleet.coverage import EMPTY_LIST, CoverageLimits, load_coverage, record_listing
from detector.fleet.executors import ExecutorBackend, JobResult
from detector.fleet.inventory import EndOfListing, LeftOut, ListedItem, RepositoryEntry, RepositoryKind
from detector.fleet.lifecycle import DEADLINES
from detector.fleet.object_ids import as_rows, split_rows
from detector.fleet.read_objects import ReadObjects
from detector.fleet.repository_work import RepositoryWork
from detector.fleet.result_writer import ResultWriter
from detector.fleet.share_scan import merge_share_results
from detector.fleet.state.run_status import RunStatus
from detector.fleet.state.store import Checkpoint
from detector.fleet.survey import compute_state_digest
from detector.fleet.tally import SweepProgress, SweepSummary, Tally, collect_counters
from detector.fleet.task_queue import Priority, TaskQueue
from detector.fleet.tasks import (
    CollectFindings,
    PlanShares,
    RepositoryFindings,
    RepositoryResult,
    ScanRepository,
    ScanShare,
    SharePlan,
    ShareResult,
    Survey,
    SurveyResult,
    TaskFailure,
    WorkerSettings,
)
from detector.log import log_step
from detector.model import Skipped
from detector.scan.messages import ShareProgress

if TYPE_CHECKING:
    from sqlalchemy import Row

    from detector.fleet.state.store import State

LARGE_OBJECTS = 100_000
"""Number of unread objects above which a repository is divided into shares."""

LARGE_BYTES = 64 << 20
"""Size of the unknown packs, in bytes, above which a repository is divided into shares."""


class SweepOptions(NamedTuple):
    """How to sweep.

    `deadlines` are days by severity. Up to `fetchers` repositories are fetched at a
    time, and a repository that fails is tried `retries` times again. With
    `retry_incomplete`, repositories that were not read completely are read again
    although they have not changed. `limits` says which gaps of the coverage fail the sweep.
    """

    settings: WorkerSettings
    deadlines: Mapping[str, float] = DEADLINES
    fetchers: int = 8
    retries: int = 1
    large_objects: int = LARGE_OBJECTS
    large_bytes: int = LARGE_BYTES
    retry_incomplete: bool = False
    limits: CoverageLimits = CoverageLimits()


def sweep(
    entries: Iterable[ListedItem],
    state: State,
    options: SweepOptions,
    executor: ExecutorBackend,
    rules: Mapping[str, str],
    watch: Callable[[SweepProgress], None] | None = None,
) -> SweepSummary:
    """Sweep *entries* with *executor* and write the findings to *state*.

    *rules* maps each rule to its digest; *watch* gets the progress. Ctrl-C ends the
    sweep, and results that are written stand. Raises `StateError` when the state
    cannot be written.
    """
    return _Coordinator(state, options, executor, rules, Tally(watch)).run(entries)


class _Coordinator:
    """Takes each repository from task to task until its result is written."""

    def __init__(
        self, state: State, options: SweepOptions, executor: ExecutorBackend, rules: Mapping[str, str], tally: Tally
    ) -> None:
        self._options = options
        self._executor = executor
        self._tally = tally
        self._state = state
        self._today = time.strftime("%Y-%m-%d")
        self._objects = ReadObjects(state, rules)
        self._writer = ResultWriter(state, self._objects.ruleset, options.deadlines, self._today)
        self._rows = state.list_repositories()
        self._queue = TaskQueue(options.fetchers)
        self._claims = Claims()
        self._entries: deque[RepositoryEntry] = deque()
        self._active: dict[str, RepositoryWork] = {}
        self._failures: Counter[str] = Counter()
        self._verified: set[str] = set()

    def run(self, entries: Iterable[ListedItem]) -> SweepSummary:
        """Sweep *entries*."""
        began = time.monotonic()
        interrupted = False
        try:
            self._list(entries)
            while self._entries or self._active:
                self._feed()
                for message in self._executor.run(self._queue.jobs):
                    self._receive(message)
                    self._feed()
            self._writer.flush()
        except KeyboardInterrupt:
            interrupted = True
            self._writer.flush()
        summary = self._tally.summarize(self._writer.run, time.monotonic() - began, interrupted)
        coverage = load_coverage(self._state, summary.run, self._options.limits, summary.skipped)
        summary = summary._replace(coverage=coverage._replace(swept=summary.swept, unchanged=summary.unchanged))
        self._writer.end_run(RunStatus.INTERRUPTED if interrupted else RunStatus.COMPLETED, collect_counters(summary))
        if summary.complete:
            self._objects.forget_previous()
        return summary

    def _list(self, entries: Iterable[ListedItem]) -> None:
        """Read the inventory, and record which repositories it does not list any more."""
        listed: set[str] = set()
        left_out: dict[str, str] = {}
        ends: list[EndOfListing] = []
        for item in entries:
            if isinstance(item, Skipped):
                self._tally.skipped.append(item)
            elif isinstance(item, LeftOut):
                left_out[item.entry.key] = item.reason
            elif isinstance(item, EndOfListing):
                ends.append(item)
                if item.complete and not item.repositories:
                    self._tally.skipped.append(Skipped(item.spec, EMPTY_LIST))
            else:
                listed.add(item.key)
                self._entries.append(item)
                self._tally.count_listed()
        for end in ends:
            record_listing(self._state, self._writer.run, end, listed, left_out)

    def _feed(self) -> None:
        """Begin repositories and hand over tasks, as many as the executor can run soon."""
        while self._entries and len(self._active) < 2 * (self._executor.size + self._options.fetchers):
            self._begin(self._entries.popleft())
        self._queue.hand_over(self._executor.size)
        self._tally.show(tuple(self._active), len(self._entries))

    def _receive(self, message: ShareProgress | JobResult) -> None:
        if isinstance(message, ShareProgress):
            self._tally.count_progress(message)
            return
        work = self._queue.finish(message.number)
        work.seconds += message.seconds
        result = TaskFailure(message.reason) if message.result is None else message.result
        if not work.ended:
            self._HANDLERS[type(result)](self, work, result)

    # -- one repository, step by step ------------------------------------------

    def _begin(self, entry: RepositoryEntry) -> None:
        """Ask for a survey, unless it is clear without one that the repository is unchanged."""
        row = self._rows.get(entry.key)
        read_again = entry.key in self._verified or (row is not None and self._is_due(row))
        digest = "" if row is None or read_again else row.state_digest
        nothing_to_fetch = entry.local or (row is not None and entry.version and entry.version == row.version)
        if digest and nothing_to_fetch and self._compute_digest(entry) == digest:
            self._end_unchanged(entry)
            return
        same_rules = row is not None and row.ruleset_id == self._objects.ruleset
        checkpoint = self._state.load_checkpoint(entry.key) if same_rules else Checkpoint()
        work = self._active[entry.key] = RepositoryWork(entry, row, checkpoint)
        task = Survey(entry, digest, checkpoint.packs, verify=entry.key in self._verified)
        self._queue.add(work, task, Priority.SURVEY, fetches=not entry.local)

    def _is_due(self, row: Row[Any]) -> bool:
        """Return whether a repository has to be read again although it may be unchanged."""
        incomplete = self._options.retry_incomplete and row.skipped != "[]"
        return bool(incomplete or (row.recheck_on and row.recheck_on <= self._today))

    def _compute_digest(self, entry: RepositoryEntry) -> str:
        from detector.git.repository import discover

        settings = self._options.settings
        path = settings.clones.find_path(entry)
        try:
            return compute_state_digest(discover(path, settings.config.allow), settings) if os.path.isdir(path) else ""
        except (LeakfirstError, OSError):
            return ""  # the survey reports what is wrong

    def _on_survey(self, work: RepositoryWork, survey: SurveyResult) -> None:
        if survey.unchanged:
            self._end(work)
            self._end_unchanged(work.entry)
            return
        work.survey = survey
        self._scan_or_wait(work)

    def _scan_or_wait(self, work: RepositoryWork) -> None:
        """Ask for the objects of *work* that have to be read, unless another repository is reading many of them."""
        survey, checkpoint = work.survey, work.checkpoint
        flagged = as_rows(checkpoint.flagged, survey.id_bytes)
        selection = self._objects.select(as_rows(survey.ids, survey.id_bytes), flagged)
        if not self._claims.claim(work, selection.unread):
            return
        work.flag(checkpoint.flagged)
        work.survey = survey._replace(ids=b"")
        task = ScanRepository(
            work.entry,
            known=selection.known.tobytes(),
            older=selection.older.tobytes(),
            changed_rules=self._objects.changed_rules,
            flagged=checkpoint.flagged,
            packs=checkpoint.packs,
            attributions=checkpoint.attributions,
            refs_digest=survey.refs_digest,
        )
        options = self._options
        if len(selection.unread) > options.large_objects or survey.stored_bytes > options.large_bytes:
            self._queue.add(work, PlanShares(task), Priority.PLAN)
        else:
            self._queue.add(work, task, Priority.REPOSITORY)

    def _on_plan(self, work: RepositoryWork, plan: SharePlan) -> None:
        work.packs = plan.packs
        work.skipped = plan.skipped
        work.remaining_shares = len(plan.shares)
        for share in plan.shares:
            changed = self._objects.changed_rules if share.read_before else frozenset()
            task = ScanShare(work.entry, share, changed, work.survey.refs_digest)
            self._queue.add(work, task, Priority.SHARE)
        if not plan.shares:
            self._collect_findings(work)

    def _on_share(self, work: RepositoryWork, result: ShareResult) -> None:
        self._add_objects(result)
        work.shares.append(result._replace(clean=b""))
        work.remaining_shares -= 1
        if not work.remaining_shares:
            self._release(work)
            self._collect_findings(work)

    def _collect_findings(self, work: RepositoryWork) -> None:
        id_bytes = work.survey.id_bytes
        newly_flagged = {name for share in work.shares for name in split_rows(share.flagged, id_bytes)}
        work.flagged |= newly_flagged
        task = CollectFindings(
            work.entry,
            b"".join(sorted(work.flagged)),
            id_bytes,
            b"".join(sorted(newly_flagged)),
            work.checkpoint.attributions,
            work.survey.refs_digest,
        )
        self._queue.add(work, task, Priority.FINDINGS)

    def _on_findings(self, work: RepositoryWork, findings: RepositoryFindings) -> None:
        self._write(work, merge_share_results(work.shares, work.survey.id_bytes, work.skipped), findings)

    def _on_repository(self, work: RepositoryWork, result: RepositoryResult) -> None:
        self._add_objects(result.scan)
        self._release(work)
        work.packs = result.packs
        work.flag(result.scan.flagged)
        self._write(work, result.scan, result.findings)

    def _on_failure(self, work: RepositoryWork, failure: TaskFailure) -> None:
        entry = work.entry
        if work.remaining_shares:  # the other shares of the repository are still read
            skipped = Skipped(f"a share of {entry.name}", failure.reason)
            self._on_share(work, ShareResult(work.survey.id_bytes, skipped=(skipped,), failed=True))
            return
        self._release(work)
        self._end(work)
        self._failures[entry.key] += 1
        if self._failures[entry.key] <= self._options.retries:
            self._entries.append(entry)
            return
        log_step("failed", repository=entry.name, reason=failure.reason)
        self._writer.write_failure(entry, failure.reason)
        self._tally.count_failed(entry, failure.reason)

    _HANDLERS: Mapping[type, Callable[[_Coordinator, RepositoryWork, Any], None]] = {
        SurveyResult: _on_survey,
        SharePlan: _on_plan,
        ShareResult: _on_share,
        RepositoryFindings: _on_findings,
        RepositoryResult: _on_repository,
        TaskFailure: _on_failure,
    }

    # -- results -----------------------------------------------------------------

    def _add_objects(self, result: ShareResult) -> None:
        self._objects.add(result)
        self._tally.count_scan(result)

    def _release(self, work: RepositoryWork) -> None:
        for waiting in self._claims.release(work):
            self._scan_or_wait(waiting)

    def _end(self, work: RepositoryWork) -> None:
        work.ended = True
        del self._active[work.key]

    def _end_unchanged(self, entry: RepositoryEntry) -> None:
        row = self._rows[entry.key]
        self._writer.write_unchanged(entry, row)
        self._tally.count_unchanged(entry, row.skipped != "[]")

    def _write(self, work: RepositoryWork, scan: ShareResult, findings: RepositoryFindings) -> None:
        is_clone = not work.entry.local and work.entry.kind is not RepositoryKind.PACKAGE
        if is_clone and work.key not in self._verified and suggests_damage(scan.skipped):
            self._verified.add(work.key)  # look at the clone itself, once, before the gap is reported
            self._end(work)
            self._entries.append(work.entry)
            return
        written = self._writer.write_result(work, scan, findings)
        self._end(work)
        self._tally.count_swept(work.entry, written, findings.reread_objects)
        log_step("swept", repository=work.entry.name, objects=scan.objects, seconds=round(work.seconds, 3))
