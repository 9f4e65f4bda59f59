"""A pool of worker processes that survives its workers.

`concurrent.futures` gives up as a whole when one process dies. A scan must
not: a worker that is killed (memory, a signal, a bug in a native library) is
noticed, its share is done again by another one, and only if that dies too the
share is named as not looked at. Messages of a share count once it is complete,
so a second try doubles nothing.

Processes, not threads: the automaton holds the interpreter lock while it scans.
"""

from __future__ import annotations

import contextlib
import gc
import io
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from detector.containers import Clean
from detector.contracts import Share
from detector.engine.engine import Engine
from detector.errors import LeakfirstError
from detector.model import Origin, Sighting, Skipped
from detector.rules.pack import Pack, engine_of
from detector.scan.worker import DEFAULTS, Message, Options, Progress, perform
from detector.secret import Secret

TRIES = 2
CHUNK = 200
"""Messages that a worker sends at a time."""

RARELY = (100_000, 50, 100)
"""Thresholds of the garbage collector while sightings are collected: they are many, and none is part of a cycle."""

Answer = Callable[[Any], Iterator[Any]]
"""What a worker does with a task: yield messages."""


class Done(NamedTuple):
    """A share is done with."""


class Ahead(NamedTuple):
    """Said at once, while the messages of a share wait for its end: something was seen in this place."""

    origin: Origin


def run(shares: Iterable[Share], pack: Pack, workers: int, options: Options = DEFAULTS) -> Iterator[Message | Ahead]:
    """Examine all shares and yield what is seen, share by share as they finish.

    With one worker, or one small share, everything happens in this process.
    On `KeyboardInterrupt` the workers are ended at once and it is raised again;
    what was yielded before stands.
    """
    queue = deque(shares)
    if workers <= 1 or len(queue) <= 1:
        engine, clean = engine_of(pack), Clean()
        for share in queue:
            yield from guarded(share, engine, options, clean)
        return
    queue = deque(sorted(queue, key=lambda share: -share.weight))
    yield from Pool(queue, workers, partial(_examining, pack, options), _not_looked_at).run()


@contextlib.contextmanager
def collecting_rarely() -> Iterator[None]:
    """Let the garbage collector of this process look rarely, as that of a worker does, and then as before.

    One that looks rarer still, or not at all, is left alone.
    """
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(*map(max, before, RARELY))
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _examining(pack: Pack, options: Options) -> Answer:
    engine, clean = engine_of(pack), Clean()
    gc.freeze()  # what the parent has made stays
    gc.set_threshold(*RARELY)
    return lambda share: _foretold(guarded(share, engine, options, clean))


def _foretold(messages: Iterable[Message]) -> Iterator[Message | Ahead]:
    told = False
    for message in messages:
        if not told and isinstance(message, Sighting):
            told = True
            yield Ahead(message.location.origin)
        yield message


def _not_looked_at(share: Share, why: str) -> Skipped:
    return Skipped(share.name, why)


def guarded(share: Share, engine: Engine, options: Options, clean: Clean | None = None) -> Iterator[Message]:
    """Do what `perform` does; a share that fails is a `Skipped` under its name."""
    try:
        yield from perform(share, engine, options, clean)
    except LeakfirstError as error:
        yield Skipped(share.name, str(error))
    except MemoryError:
        yield Skipped(share.name, "not enough memory")
    except Exception as problem:  # a bug costs one share, and says so; never its locals
        yield Skipped(share.name, f"failed: {type(problem).__name__} in {_place(problem)}")


class _Worker(NamedTuple):
    process: BaseProcess
    connection: Connection


class Pool:
    """Processes that answer tasks from a *queue*, to which more may be added while it runs.

    *begin* is called in each new process and returns what answers a task there;
    *lost* makes the message about a task on which two processes died.
    """

    def __init__(
        self, queue: deque[Any], size: int, begin: Callable[[], Answer], lost: Callable[[Any, str], Any]
    ) -> None:
        self._queue = queue
        self._size = size
        self._begin = begin
        self._lost_message = lost
        self._busy: dict[_Worker, tuple[Any, list[Any]]] = {}
        self._idle: list[_Worker] = []
        self._tried: dict[int, int] = {}
        self._counted: dict[_Worker, Progress] = {}

    def run(self) -> Iterator[Any]:
        """Yield the answers, task by task as they finish, until nothing is left to do.

        `Progress` comes at once, and is taken back when its task has to begin again.
        """
        try:
            while self._queue or self._busy:
                self._assign()
                yield from self._collect()
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

    def _assign(self) -> None:
        while self._queue and (self._idle or len(self._busy) < self._size):
            share = self._queue.popleft()
            worker = self._idle.pop() if self._idle else self._start()
            self._busy[worker] = share, []
            try:
                worker.connection.send(share)
            except OSError:
                continue  # it died idle; _collect sees that and tries again

    def _collect(self) -> Iterator[Any]:
        connections: dict[Any, _Worker] = {worker.connection: worker for worker in self._busy}
        for ready in wait(list(connections)):
            worker = connections[ready]
            try:
                messages = decode(worker.connection.recv_bytes())
            except (EOFError, OSError):
                yield from self._lost(worker)
                continue
            _share, seen = self._busy[worker]
            for message in messages:
                if isinstance(message, Progress):
                    self._counted[worker] = self._counted.get(worker, Progress(0, 0)).plus(message)
                    yield message
                elif isinstance(message, Ahead):
                    yield message
                elif isinstance(message, Done):
                    del self._busy[worker]
                    self._counted.pop(worker, None)
                    self._idle.append(worker)
                    yield from seen
                else:
                    seen.append(message)

    def _lost(self, worker: _Worker) -> Iterator[Any]:
        share, _ = self._busy.pop(worker)
        _end(worker)
        if counted := self._counted.pop(worker, None):
            yield Progress(-counted.bytes, -counted.blobs)  # the second try counts them again
        tried = self._tried[id(share)] = self._tried.get(id(share), 0) + 1
        if tried < TRIES:
            self._queue.appendleft(share)
        else:
            yield self._lost_message(share, f"a worker process died twice on it (exit {worker.process.exitcode})")


def _end(worker: _Worker) -> None:
    worker.connection.close()
    worker.process.kill()
    worker.process.join()


def _serve(connection: Connection, theirs: Connection, begin: Callable[[], Answer]) -> None:
    """Live in the worker: take a share, send what is in it, take the next, until the parent is gone.

    *theirs* is the end of the parent; while a copy of it is open here, the pipe never ends.
    """
    theirs.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    with contextlib.suppress(EOFError, OSError):
        _answer_all(connection, begin())


def _answer_all(connection: Connection, answer: Answer) -> None:
    while True:
        task = connection.recv()
        chunk: list[Any] = []
        for message in answer(task):
            chunk.append(message)
            if len(chunk) >= CHUNK or isinstance(message, Progress):
                connection.send_bytes(encode(chunk))
                chunk = []
        connection.send_bytes(encode([*chunk, Done()]))


def _place(problem: BaseException) -> str:
    trace = problem.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "unknown place"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"


class _Pickler(pickle.Pickler):
    """Lets a `Secret` through the private pipe between our own processes, and nowhere else."""

    dispatch_table = {Secret: lambda secret: (Secret, (secret.reveal(),))}  # noqa: RUF012


def encode(messages: list[Any]) -> bytes:
    """Serialise messages for the pipe between our own processes."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(messages)
    return buffer.getvalue()


def decode(content: bytes) -> list[Any]:
    """Read what `encode` of our own worker wrote."""
    messages: list[Any] = pickle.loads(content)  # noqa: S301 - our own child process
    return messages
