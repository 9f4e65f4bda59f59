"""Executor backends: where the tasks of a sweep run.

A backend is a module of this folder that fulfils `ExecutorModule`; its file name
is the value of `--executor`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from detector.fleet.tasks import Task, TaskResult, WorkerSettings
from detector.registry import check_contract, load_plugin
from detector.scan.messages import ShareProgress


class Job(NamedTuple):
    """A task with the number by which its result is recognised."""

    number: int
    task: Task


class JobResult(NamedTuple):
    """The result of a job and the seconds it took; without a result, `reason` says why."""

    number: int
    result: TaskResult | None
    reason: str = ""
    seconds: float = 0.0


class ExecutorOptions(NamedTuple):
    """How to run the tasks.

    The local backend uses `processes` to read and `fetchers` more to fetch. A
    cluster is named by `address`; `tls` maps ``ca``, ``cert`` and ``key`` to files,
    and `cluster_options` go to the class that starts the cluster.
    """

    processes: int = 1
    fetchers: int = 0
    address: str = ""
    tls: Mapping[str, str] = {}
    cluster_options: Mapping[str, object] = {}


class ExecutorBackend(Protocol):
    """Workers that run jobs; a context manager that ends them."""

    @property
    def size(self) -> int:
        """The number of jobs to hand over at a time."""

    def __enter__(self) -> ExecutorBackend: ...

    def __exit__(self, *_: object) -> None: ...

    def run(self, queue: deque[Job]) -> Iterator[ShareProgress | JobResult]:
        """Run the jobs in *queue*, to which jobs are added meanwhile, until none is left.

        Every job gets one `JobResult`, in any order. Raises `SourceError` when all workers are lost.
        """


class ExecutorModule(Protocol):
    """detector/fleet/executors/<name>.py: one executor backend."""

    def open_executor(self, settings: WorkerSettings, options: ExecutorOptions) -> ExecutorBackend:
        """Start workers, or connect to them. Raises `SourceError` or `UsageError` if that is not possible."""


def open_executor(name: str, settings: WorkerSettings, options: ExecutorOptions) -> ExecutorBackend:
    """Open the backend *name*. An unknown name, or a module that is no backend, is a `UsageError`."""
    module = load_plugin(__name__, name, what="executor")
    check_contract(module, ExecutorModule, "executor")
    backend: ExecutorBackend = module.open_executor(settings, options)
    return backend
