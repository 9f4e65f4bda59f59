"""The crew on this machine: worker processes that outlive what kills one of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from detector.fleet.tasks import Settings, Worker
from detector.scan.pool import Answer, Pool
from detector.scan.worker import Progress

if TYPE_CHECKING:
    from detector.fleet.sweep import Done, Job


class LocalCrew:
    """*size* processes to read, and *fetchers* more to fetch meanwhile."""

    def __init__(self, settings: Settings, size: int, fetchers: int) -> None:
        self.size = size
        self._settings = settings
        self._processes = size + fetchers

    def __enter__(self) -> LocalCrew:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to end: the processes end with `run`."""

    def run(self, queue: deque[Job]) -> Iterator[Progress | Done]:
        """Do the jobs in *queue*, to which more are added meanwhile, until none is left."""
        return Pool(queue, self._processes, partial(begin, self._settings), _lost).run()


def begin(settings: Settings) -> Answer:
    """Return what does a job in a new process."""
    worker = Worker(settings)
    return lambda job: perform(worker, job)


def perform(worker: Worker, job: Job) -> Iterator[Progress | Done]:
    """Do one job; the answer comes last and carries the number of the job."""
    from detector.fleet.sweep import Done

    began = time.monotonic()
    for message in worker.perform(job.task):
        if isinstance(message, Progress):
            yield message
        else:
            yield Done(job.number, message, seconds=time.monotonic() - began)


def _lost(job: Any, why: str) -> Done:
    from detector.fleet.sweep import Done

    return Done(job.number, None, why)
