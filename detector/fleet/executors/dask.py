"""The workers of a Dask cluster: the same tasks on other machines.

Dask schedules the tasks, notices lost workers and runs their tasks again; a task
on which several workers died is given up and reported. No more tasks are handed
over than the cluster can run soon, so neither the scheduler nor the coordinator
holds a whole fleet in memory, and each result is fetched once.

Workers need the same version, rules and LEAKFIRST_KEY, and a folder for clones:
either one that all share, or one each, in which case a worker clones the
repositories of its own tasks.
"""

from __future__ import annotations

import pickle
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from detector.errors import SourceError, UsageError
from detector.fleet.executors import ExecutorOptions, Job, JobResult
from detector.fleet.executors._job import run_job
from detector.fleet.tasks import WorkerSettings
from detector.fleet.worker import Worker
from detector.scan.messages import ShareProgress

TASKS_PER_THREAD = 2
"""One that runs, and one on its way."""

CONNECT_SECONDS = 30
"""How long to wait for the scheduler."""

_thread = threading.local()


def open_executor(settings: WorkerSettings, options: ExecutorOptions) -> DaskExecutor:
    """Connect to the cluster. Raises `SourceError` if it does not answer."""
    if not options.address:
        raise UsageError("--executor dask: name the cluster with --cluster")
    return DaskExecutor(settings, options.address, options.tls, options.cluster_options)


class DaskExecutor:
    """The workers of the cluster at *address*.

    *address* is that of a scheduler (``tcp://…``, ``tls://…``), a scheduler file, or
    the name of a class that starts a cluster (``dask_jobqueue.SLURMCluster``), which
    gets *options*; ``minimum`` and ``maximum`` among them make the cluster adaptive.
    *tls* names the files ``ca``, ``cert`` and ``key``. Raises `SourceError` if the
    cluster cannot be reached.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        address: str,
        tls: Mapping[str, str] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._pickled_settings = pickle.dumps(settings)
        self._client: Any = None
        self._cluster: Any = None
        self._max_threads = 0
        security = _make_security(address, tls or {})
        try:
            client = _import_dask().Client
            if "://" in address:
                self._client = client(address, timeout=CONNECT_SECONDS, security=security, set_as_default=False)
            elif address.endswith(".json"):
                self._client = client(
                    scheduler_file=address, timeout=CONNECT_SECONDS, security=security, set_as_default=False
                )
            else:
                self._cluster, self._max_threads = _start_cluster(address, dict(options or {}), security)
                self._client = client(self._cluster, timeout=CONNECT_SECONDS, set_as_default=False)
        except ModuleNotFoundError:
            raise UsageError("--cluster needs Dask: install leakfirst with the extra cluster") from None
        except (OSError, ValueError, TypeError, RuntimeError) as problem:
            reason = str(problem).partition("\n")[0] or type(problem).__name__
            raise SourceError(f"--cluster {address}: {reason}") from None

    def __enter__(self) -> DaskExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    @property
    def size(self) -> int:
        """The number of jobs to hand over at a time; it changes as workers join and leave."""
        threads = int(sum(self._client.nthreads().values()))
        return max(TASKS_PER_THREAD * max(threads, self._max_threads), TASKS_PER_THREAD)

    def run(self, queue: deque[Job]) -> Iterator[ShareProgress | JobResult]:
        """Run the jobs in *queue*, to which jobs are added meanwhile, until none is left. Raises `SourceError`."""
        numbers: dict[str, int] = {}
        pending = _import_dask().as_completed(loop=self._client.loop)
        try:
            while queue or numbers:
                while queue:
                    job = queue.popleft()
                    future = self._client.submit(run_pickled_job, self._pickled_settings, job, pure=False)
                    numbers[future.key] = job.number
                    pending.add(future)
                future = next(pending)
                yield from _read_future(future, numbers.pop(future.key))
        finally:
            pending.clear()


def _import_dask() -> Any:
    """Import late what few people need."""
    import distributed

    return distributed


def run_pickled_job(pickled_settings: bytes, job: Job) -> tuple[ShareProgress, JobResult]:
    """Run one job in a thread of a Dask worker, which keeps its `Worker` for the next job."""
    if getattr(_thread, "settings", None) != pickled_settings:
        settings = pickle.loads(pickled_settings)  # noqa: S301 - from our own coordinator
        _thread.settings, _thread.worker = pickled_settings, Worker(settings)
    progress = ShareProgress(0, 0)
    result = JobResult(job.number, None, "the worker gave no result")
    for message in run_job(_thread.worker, job):
        if isinstance(message, ShareProgress):
            progress = progress.plus(message)
        else:
            result = message
    return progress, result


def _read_future(future: Any, number: int) -> Iterator[ShareProgress | JobResult]:
    if future.status == "finished":
        yield from future.result()
    elif future.status == "error":
        problem = type(future.exception()).__name__
        lost = problem == "KilledWorker"
        reason = "several workers of the cluster died on it" if lost else f"failed on the cluster: {problem}"
        yield JobResult(number, None, reason)
    else:
        raise SourceError("the cluster's scheduler is gone; written results are kept, run the sweep again")


def _make_security(address: str, tls: Mapping[str, str]) -> Any:
    """Return the TLS settings of the connection, None without *tls*."""
    if unknown := tls.keys() - {"ca", "cert", "key"}:
        raise UsageError(f"[sweep.tls] {min(unknown)}: unknown key; known: ca, cert, key")
    if not tls:
        return None
    if address.startswith("tcp://"):
        raise UsageError(f"--cluster {address}: [sweep.tls] is set, so write tls://")
    files = {"tls_ca_file": tls.get("ca"), "tls_client_cert": tls.get("cert"), "tls_client_key": tls.get("key")}
    for role in ("scheduler", "worker"):
        files |= {f"tls_{role}_cert": tls.get("cert"), f"tls_{role}_key": tls.get("key")}
    return _import_dask().Security(require_encryption=True, **files)


def _start_cluster(name: str, options: dict[str, Any], security: Any) -> tuple[Any, int]:
    """Start a cluster of the class *name*; return it and the number of threads to which it may grow."""
    from importlib import import_module

    module, _, class_name = name.rpartition(".")
    if not module:
        raise UsageError(f"--cluster {name}: write tcp://HOST:PORT, tls://HOST:PORT, FILE.json or module.Class")
    try:
        cluster_class = getattr(import_module(module), class_name)
    except (ImportError, AttributeError):
        raise UsageError(f"--cluster {name}: there is no such class; is its package installed?") from None
    bounds = {bound: options.pop(bound) for bound in ("minimum", "maximum") if bound in options}
    if security is not None:
        options["security"] = security
    cluster = cluster_class(**options)
    if bounds:
        cluster.adapt(**bounds)
    return cluster, int(bounds.get("maximum", 0))
