"""Run the tasks of a sweep in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.errors import LeakfirstError, locate_error
from detector.fleet.inventory import RepositoryKind
from detector.fleet.object_ids import join_hex, split_rows
from detector.fleet.packages import scan_package, survey_package
from detector.fleet.repository_findings import collect_findings, line_patterns
from detector.fleet.share_scan import ScannedSightings, make_share_plan, merge_share_results, plan_shares, scan_share
from detector.fleet.survey import survey
from detector.fleet.tasks import (
    CollectFindings,
    PlanShares,
    RepositoryFindings,
    RepositoryResult,
    ScanRepository,
    ScanShare,
    ShareResult,
    Survey,
    SurveyResult,
    Task,
    TaskFailure,
    TaskResult,
)
from detector.fleet.worker import Worker
from detector.scan.messages import ShareProgress


def run_task(worker: Worker, task: Task) -> Iterator[ShareProgress | TaskResult]:
    """Run *task*: yield progress now and then, and the result last.

    Every error becomes a `TaskFailure`; only the end of the process escapes.
    """
    try:
        yield from _TASKS[type(task)](worker, task)
    except LeakfirstError as error:
        yield TaskFailure(str(error))
    except MemoryError:
        yield TaskFailure("not enough memory")
    except Exception as problem:  # a bug fails one repository; its message never includes local variables
        yield TaskFailure(f"failed: {type(problem).__name__} in {locate_error(problem)}")


def scan_repository(worker: Worker, task: ScanRepository) -> Iterator[ShareProgress | RepositoryResult]:
    """Read a repository in one process and describe its findings."""
    if task.entry.kind is RepositoryKind.PACKAGE:
        yield from scan_package(worker, task)
        return
    plan = make_share_plan(worker, task, 1)
    repository = worker.open_repository(task.entry, task.refs_digest)
    keep = None if task.older else ScannedSightings(line_patterns(repository, worker.settings.config), [])
    results: list[ShareResult] = []
    for share in plan.shares:
        for message in scan_share(worker, ScanShare(task.entry, share, task.changed_rules), keep):
            if isinstance(message, ShareResult):
                results.append(message)
            else:
                yield message
    id_bytes = repository.id_bytes
    scan = merge_share_results(results, id_bytes, plan.skipped)
    flagged = {name.hex() for name in split_rows(scan.flagged + task.flagged, id_bytes)}
    collect = CollectFindings(
        task.entry, join_hex(flagged), id_bytes, scan.flagged, task.attributions, task.refs_digest
    )
    for found in collect_findings(worker, collect, keep.sightings if keep else ()):
        yield RepositoryResult(scan, found, plan.packs) if isinstance(found, RepositoryFindings) else found


def survey_entry(worker: Worker, task: Survey) -> Iterator[SurveyResult]:
    """Take the first look at a repository or a package."""
    return (survey_package if task.entry.kind is RepositoryKind.PACKAGE else survey)(worker, task)


_TASKS: dict[type, Callable[[Worker, Any], Iterator[ShareProgress | TaskResult]]] = {
    Survey: survey_entry,
    ScanRepository: scan_repository,
    PlanShares: plan_shares,
    ScanShare: scan_share,
    CollectFindings: collect_findings,
}
