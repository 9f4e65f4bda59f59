"""A pool of worker processes that goes on when a process dies.

`concurrent.futures` fails as a whole when one process dies. Here the share of a
worker that was killed (memory, a signal, a bug in a native library) is done
again by another one, and reported as skipped if that dies too. Messages of a
share count once it is complete, so a second try doubles nothing.

Processes, not threads: the automaton holds the interpreter lock while it scans.
"""

from __future__ import annotations

import contextlib
import gc
import io
import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from detector.containers.unpack import CleanMembers
from detector.contracts import Share
from detector.model import Origin, Sighting, Skipped
from detector.rules.pack import Pack, build_engine, prepare_for
from detector.scan.examine import DEFAULT_OPTIONS
from detector.scan.messages import ExamineOptions, Message, ShareProgress
from detector.scan.worker import examine_safely
from detector.secret import Secret

TRIES = 2
MESSAGES_PER_SEND = 200
"""Messages that a worker sends at a time."""

RARE_COLLECTION = (100_000, 50, 100)
"""Thresholds of the garbage collector while sightings are collected: they are many, and none is part of a cycle."""

TaskHandler = Callable[[Any], Iterator[Any]]
"""Called in a worker with a task; yields messages."""


class TaskDone(NamedTuple):
    """All messages of a task have been sent."""


class FirstSighting(NamedTuple):
    """Where the first sighting of a share is; sent at once, while its messages wait for the end of the share."""

    origin: Origin


def examine_shares(
    shares: Iterable[Share], pack: Pack, workers: int, options: ExamineOptions = DEFAULT_OPTIONS
) -> Iterator[Message | FirstSighting]:
    """Examine all shares and yield their messages, share by share as they finish.

    With one worker, or one share, everything happens in this process.
    On `KeyboardInterrupt` the workers are killed at once and it is raised again;
    what was yielded before stays valid.
    """
    queue = deque(shares)
    if workers <= 1 or len(queue) <= 1:
        engine, clean = build_engine(pack), CleanMembers()
        for share in queue:
            yield from examine_safely(share, engine, options, clean)
        return
    queue = deque(sorted(queue, key=lambda share: -share.weight))
    pack = prepare_for(pack, sum(share.weight for share in queue))
    yield from WorkerPool(queue, workers, partial(_begin_examining, pack, options), _skip_share).run()


@contextlib.contextmanager
def collect_garbage_rarely() -> Iterator[None]:
    """Let the garbage collector of this process run rarely, as in a worker, and restore it afterwards.

    Thresholds that are higher, and a collector that is off, are left alone.
    """
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(*map(max, before, RARE_COLLECTION))
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _begin_examining(pack: Pack, options: ExamineOptions) -> TaskHandler:
    engine, clean = build_engine(pack), CleanMembers()
    gc.freeze()  # objects of the parent process live as long as this one
    gc.set_threshold(*RARE_COLLECTION)
    return lambda share: _announce_first(examine_safely(share, engine, options, clean))


def _announce_first(messages: Iterable[Message]) -> Iterator[Message | FirstSighting]:
    announced = False
    for message in messages:
        if not announced and isinstance(message, Sighting):
            announced = True
            yield FirstSighting(message.location.origin)
        yield message


def _skip_share(share: Share, why: str) -> Skipped:
    return Skipped(share.name, why)


class _Worker(NamedTuple):
    process: BaseProcess
    connection: Connection


class WorkerPool:
    """Processes that handle tasks from a *queue*, to which more may be added while it runs.

    *begin* is called in each new process and returns the handler of its tasks;
    *lost* makes the message about a task on which two processes died.
    """

    def __init__(
        self, queue: deque[Any], size: int, begin: Callable[[], TaskHandler], lost: Callable[[Any, str], Any]
    ) -> None:
        self._queue = queue
        self._size = size
        self._begin = begin
        self._make_lost_message = lost
        self._busy: dict[_Worker, tuple[Any, list[Any]]] = {}
        self._idle: list[_Worker] = []
        self._tried: dict[int, int] = {}
        self._counted: dict[_Worker, ShareProgress] = {}

    def run(self) -> Iterator[Any]:
        """Yield the messages, task by task as they finish, until the queue is empty.

        `ShareProgress` comes at once, and is subtracted when its task has to begin again.
        """
        try:
            while self._queue or self._busy:
                self._assign_tasks()
                yield from self._collect_messages()
        except KeyboardInterrupt:
            for _share, seen in self._busy.values():
                yield from seen
            raise
        finally:
            for worker in (*self._idle, *self._busy):
                _end(worker)

    def _start(self) -> _Worker:
        here, there = multiprocessing.Pipe()
        process = multiprocessing.Process(
            target=_serve,
            args=(there, here, self._begin),
            daemon=True,
            name="leakfirst-worker",
        )
        process.start()
        there.close()
        return _Worker(process, here)

    def _assign_tasks(self) -> None:
        while self._queue and (self._idle or len(self._busy) < self._size):
            share = self._queue.popleft()
            worker = self._idle.pop() if self._idle else self._start()
            self._busy[worker] = share, []
            try:
                worker.connection.send(share)
            except OSError:
                continue  # it died while idle; _collect_messages notices and tries again

    def _collect_messages(self) -> Iterator[Any]:
        connections: dict[Any, _Worker] = {worker.connection: worker for worker in self._busy}
        for ready in wait(list(connections)):
            worker = connections[ready]
            try:
                messages = unpickle_messages(worker.connection.recv_bytes())
            except (EOFError, OSError):
                yield from self._retry(worker)
                continue
            _share, seen = self._busy[worker]
            for message in messages:
                if isinstance(message, ShareProgress):
                    self._counted[worker] = self._counted.get(worker, ShareProgress(0, 0)).plus(message)
                    yield message
                elif isinstance(message, FirstSighting):
                    yield message
                elif isinstance(message, TaskDone):
                    del self._busy[worker]
                    self._counted.pop(worker, None)
                    self._idle.append(worker)
                    yield from seen
                else:
                    seen.append(message)

    def _retry(self, worker: _Worker) -> Iterator[Any]:
        share, _ = self._busy.pop(worker)
        _end(worker)
        if counted := self._counted.pop(worker, None):
            yield ShareProgress(-counted.bytes, -counted.blobs)  # the second try counts them again
        tried = self._tried[id(share)] = self._tried.get(id(share), 0) + 1
        if tried < TRIES:
            self._queue.appendleft(share)
        else:
            yield self._make_lost_message(share, f"a worker process died twice on it (exit {worker.process.exitcode})")


def _end(worker: _Worker) -> None:
    worker.connection.close()
    worker.process.kill()
    worker.process.join()


def _serve(connection: Connection, theirs: Connection, begin: Callable[[], TaskHandler]) -> None:
    """Run in the worker: receive a task, send its messages, receive the next, until the parent is gone.

    *theirs* is the parent's end of the pipe; while a copy of it is open here, the pipe is never closed.
    """
    theirs.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    with contextlib.suppress(EOFError, OSError):
        _serve_tasks(connection, begin())


def _serve_tasks(connection: Connection, answer: TaskHandler) -> None:
    while True:
        task = connection.recv()
        chunk: list[Any] = []
        for message in answer(task):
            chunk.append(message)
            if len(chunk) >= MESSAGES_PER_SEND or isinstance(message, ShareProgress):
                connection.send_bytes(pickle_messages(chunk))
                chunk = []
        connection.send_bytes(pickle_messages([*chunk, TaskDone()]))


class _Pickler(pickle.Pickler):
    """Serialises a `Secret` for the private pipe between our own processes, and nowhere else."""

    dispatch_table = {Secret: lambda secret: (Secret, (secret.reveal(),))}  # noqa: RUF012


def pickle_messages(messages: list[Any]) -> bytes:
    """Serialise messages for the pipe between our own processes."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(messages)
    return buffer.getvalue()


def unpickle_messages(content: bytes) -> list[Any]:
    """Read messages that `pickle_messages` wrote in our own worker."""
    messages: list[Any] = pickle.loads(content)  # noqa: S301 - our own child process
    return messages
