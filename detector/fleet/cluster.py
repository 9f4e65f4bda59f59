"""The crew of a Dask cluster: the same tasks, on other machines.

Dask places the tasks, notices lost workers and does their tasks again; a task
that has taken several workers with it is given up and reported. No more tasks
are handed over than the cluster has hands for, so neither the scheduler nor the
coordinator holds a fleet in memory, and every answer is taken once.

Workers need the same version and rules and the same LEAKFIRST_KEY, and a folder
for clones: one that all share, or one each, in which case a worker clones what
it is given.
"""

from __future__ import annotations

import pickle
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from detector.errors import SourceError, UsageError
from detector.fleet.tasks import Settings, Worker
from detector.scan.worker import Progress

if TYPE_CHECKING:
    from detector.fleet.sweep import Done, Job

AHEAD = 2
"""Tasks for each thread of the cluster: one at work, one on its way."""

WAIT = 30
"""Seconds to wait for the scheduler."""

_here = threading.local()


class ClusterCrew:
    """The workers of the cluster at *where*.

    *where* is the address of a scheduler (``tcp://…``, ``tls://…``), a scheduler
    file, or the name of a class that starts a cluster (``dask_jobqueue.SLURMCluster``),
    made with *options*; ``minimum`` and ``maximum`` among them make it adaptive.
    *tls* names the files ``ca``, ``cert`` and ``key``. Raises `SourceError` when
    nothing is there.
    """

    def __init__(
        self,
        settings: Settings,
        where: str,
        tls: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._packed = pickle.dumps(settings)
        self._client: Any = None
        self._cluster: Any = None
        self._most = 0
        security = _security(where, tls or {})
        try:
            start = _dask().Client
            if "://" in where:
                self._client = start(where, timeout=WAIT, security=security, set_as_default=False)
            elif where.endswith(".json"):
                self._client = start(scheduler_file=where, timeout=WAIT, security=security, set_as_default=False)
            else:
                self._cluster, self._most = _started(where, dict(options or {}), security)
                self._client = start(self._cluster, timeout=WAIT, set_as_default=False)
        except ModuleNotFoundError:
            raise UsageError('--cluster needs Dask: pip install "leakfirst[cluster]"') from None
        except (OSError, ValueError, TypeError, RuntimeError) as problem:
            said = str(problem).partition("\n")[0] or type(problem).__name__
            raise SourceError(f"--cluster {where}: {said}") from None

    def __enter__(self) -> ClusterCrew:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    @property
    def size(self) -> int:
        """How many tasks are worth being handed over; it follows the workers that come and go."""
        threads = int(sum(self._client.nthreads().values()))
        return max(AHEAD * max(threads, self._most), AHEAD)

    def run(self, queue: deque[Job]) -> Iterator[Progress | Done]:
        """Do the jobs in *queue*, to which more are added meanwhile, until none is left. Raises `SourceError`."""
        numbers: dict[str, int] = {}
        pending = _dask().as_completed(loop=self._client.loop)
        try:
            while queue or numbers:
                while queue:
                    job = queue.popleft()
                    future = self._client.submit(work, self._packed, job, pure=False)
                    numbers[future.key] = job.number
                    pending.add(future)
                future = next(pending)
                yield from _answered(future, numbers.pop(future.key))
        finally:
            pending.clear()


def _dask() -> Any:
    """Import what most people do not need."""
    import distributed

    return distributed


def work(packed: bytes, job: Job) -> tuple[Progress, Done]:
    """Do one job in a thread of a worker; what it needs is kept for the next."""
    from detector.fleet.local import perform

    if getattr(_here, "packed", None) != packed:
        _here.packed, _here.worker = packed, Worker(pickle.loads(packed))  # noqa: S301 - from our own coordinator
    done = Progress(0, 0)
    answer: Any = None
    for message in perform(_here.worker, job):
        if isinstance(message, Progress):
            done = done.plus(message)
        else:
            answer = message
    return done, answer


def _answered(future: Any, number: int) -> Iterator[Progress | Done]:
    from detector.fleet.sweep import Done

    if future.status == "finished":
        yield from future.result()
    elif future.status == "error":
        problem = future.exception()
        lost = type(problem).__name__ == "KilledWorker"
        why = (
            "several workers of the cluster died on it" if lost else f"failed on the cluster: {type(problem).__name__}"
        )
        yield Done(number, None, why)
    else:
        raise SourceError("the scheduler of the cluster is gone; what was written is kept, run the sweep again")


def _security(where: str, tls: Mapping[str, str]) -> Any:
    """Return how to speak to the cluster; with ``tls://`` or with files nothing travels in the clear."""
    if unknown := tls.keys() - {"ca", "cert", "key"}:
        raise UsageError(f"[sweep.tls] {min(unknown)}: is not known; known: ca, cert, key")
    if not tls:
        return None
    if where.startswith("tcp://"):
        raise UsageError(f"--cluster {where}: [sweep.tls] is given, so write tls://")
    files = {"tls_ca_file": tls.get("ca"), "tls_client_cert": tls.get("cert"), "tls_client_key": tls.get("key")}
    for role in ("scheduler", "worker"):
        files |= {f"tls_{role}_cert": tls.get("cert"), f"tls_{role}_key": tls.get("key")}
    return _dask().Security(require_encryption=True, **files)


def _started(name: str, options: dict[str, Any], security: Any) -> tuple[Any, int]:
    """Start the cluster that the class *name* makes; return it and the most threads it may grow to."""
    from importlib import import_module

    module, _, kind = name.rpartition(".")
    if not module:
        raise UsageError(f"--cluster {name}: write tcp://HOST:PORT, tls://HOST:PORT, FILE.json or module.Class")
    try:
        made = getattr(import_module(module), kind)
    except (ImportError, AttributeError):
        raise UsageError(f"--cluster {name}: there is no such class; is its package installed?") from None
    bounds = {bound: options.pop(bound) for bound in ("minimum", "maximum") if bound in options}
    if security is not None:
        options["security"] = security
    cluster = made(**options)
    if bounds:
        cluster.adapt(**bounds)
    return cluster, int(bounds.get("maximum", 0))
