"""Worker processes on this machine. If one of them dies, its task is run again by another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any

from detector.fleet.executors import ExecutorOptions, Job, JobResult
from detector.fleet.executors._job import run_job
from detector.fleet.tasks import WorkerSettings
from detector.fleet.worker import Worker
from detector.scan.messages import ShareProgress
from detector.scan.pool import TaskHandler, WorkerPool


def open_executor(settings: WorkerSettings, options: ExecutorOptions) -> LocalExecutor:
    """Return an executor that starts its processes when it runs."""
    return LocalExecutor(settings, options.processes, options.fetchers)


class LocalExecutor:
    """*size* processes that read, and *fetchers* more that fetch at the same time."""

    def __init__(self, settings: WorkerSettings, size: int, fetchers: int) -> None:
        self.size = size
        self._settings = settings
        self._processes = size + fetchers

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: the processes end with `run`."""

    def run(self, queue: deque[Job]) -> Iterator[ShareProgress | JobResult]:
        """Run the jobs in *queue*, to which jobs are added meanwhile, until none is left."""
        return WorkerPool(queue, self._processes, partial(start_worker, self._settings), _report_lost_job).run()


def start_worker(settings: WorkerSettings) -> TaskHandler:
    """Return the function that runs jobs in a new process."""
    worker = Worker(settings)
    return lambda job: run_job(worker, job)


def _report_lost_job(job: Any, reason: str) -> JobResult:
    return JobResult(job.number, None, reason)
