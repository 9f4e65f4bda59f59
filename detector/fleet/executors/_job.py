"""Run one job in a worker, whatever executor started it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from detector.fleet.executors import Job, JobResult
from detector.fleet.task_runner import run_task
from detector.fleet.worker import Worker
from detector.scan.messages import ShareProgress


def run_job(worker: Worker, job: Job) -> Iterator[ShareProgress | JobResult]:
    """Run *job*; yield progress, and the result last."""
    began = time.monotonic()
    for message in run_task(worker, job.task):
        if isinstance(message, ShareProgress):
            yield message
        else:
            yield JobResult(job.number, message, seconds=time.monotonic() - began)
