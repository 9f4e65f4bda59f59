"""What was intended, done, failed or taken back, in the order it happened.

One append-only file serves two readers. A run that died reads its own lines
to learn where it stood, so each line is on disk (fsync) before the act that
it announces. An auditor reads all lines: each carries the hash of the one
before it, so an edit shows; the number and hash of the last line are kept in
a second file under a local key, so a cut shows as well.

Lines hold provider ids and keyed digests, never values.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from detector.errors import StateError
from rotators.core.model import Clock, to_canonical_json


class JournalPhase(StrEnum):
    """What a line says about its step."""

    INTEND = "intend"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    NOTE = "note"


GENESIS = hashlib.sha256(b"leakfirst rotation log 1").hexdigest()


class JournalEntry(NamedTuple):
    """One line of the journal."""

    n: int
    at: str
    run: str
    step: str
    phase: str
    facts: Mapping[str, str]
    prev: str
    hash: str


def format_time(seconds: float) -> str:
    """Return *seconds* since the epoch as ISO 8601 in UTC.

    >>> stamp(0)
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def parse_time(text: str) -> float:
    """Return an ISO 8601 time as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


class Journal:
    """The journal in *folder*; several processes may append to it."""

    def __init__(self, folder: str, key: bytes, clock: Clock) -> None:
        self.path = os.path.join(folder, "journal.jsonl")
        self._head = os.path.join(folder, "journal.head")
        self._key = key
        self._clock = clock

    def append(self, run: str, step: str, phase: str, facts: Mapping[str, str] | None = None) -> JournalEntry:
        """Write one line and return once it is on disk."""
        with self._exclusive() as fd:
            last = self._recover(fd)
            n, prev = (last.n + 1, last.hash) if last else (1, GENESIS)
            body: dict[str, Any] = {
                "n": n,
                "at": format_time(self._clock.now()),
                "run": run,
                "step": step,
                "phase": phase,
                "facts": dict(facts or {}),
                "prev": prev,
            }
            digest = hashlib.sha256(prev.encode() + to_canonical_json(body)).hexdigest()
            line = to_canonical_json({**body, "hash": digest}) + b"\n"
            _write_all(fd, line)
            os.fsync(fd)
            self._write_head(n, digest)
            return JournalEntry(**body, hash=digest)

    def entries(self, run: str | None = None) -> list[JournalEntry]:
        """Return the complete lines, of one run or of all."""
        try:
            with open(self.path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return []
        found = []
        for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
            entry = _parse_entry(line)
            if entry is None:
                raise StateError(f"{self.path}:{number}: not a line of ours; run 'leakfirst rotate log --check'")
            if run is None or entry.run == run:
                found.append(entry)
        return found

    def check(self) -> list[str]:
        """Return what is wrong with the chain; an empty list means that it holds."""
        problems: list[str] = []
        try:
            with open(self.path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            data = b""
        prev, n = GENESIS, 0
        hashes = [GENESIS]
        for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
            entry = _parse_entry(line)
            if entry is None:
                problems.append(f"line {number}: unreadable")
                continue
            n += 1
            body = {**entry._asdict()}
            digest = body.pop("hash")
            if entry.prev != prev:
                problems.append(f"line {number}: does not follow the line before it")
            elif entry.n != n:
                problems.append(f"line {number}: numbered {entry.n} instead of {n}")
            elif hashlib.sha256(entry.prev.encode() + to_canonical_json(body)).hexdigest() != digest:
                problems.append(f"line {number}: was changed after it was written")
            prev, n = entry.hash, entry.n
            hashes.append(entry.hash)
        problems += self._check_head(hashes)
        return problems

    def _check_head(self, hashes: list[str]) -> list[str]:
        try:
            with open(self._head, "rb") as file:
                head = json.loads(file.read())
            mac = self._mac(head["n"], head["hash"])
        except FileNotFoundError:
            return ["journal.head is missing: lines at the end may have been cut"] if len(hashes) > 1 else []
        except (ValueError, KeyError, TypeError):
            return ["journal.head is damaged"]
        if not hmac.compare_digest(mac, str(head.get("mac"))):
            return ["journal.head was not written by this machine's key"]
        if head["n"] >= len(hashes):
            return [f"{head['n'] + 1 - len(hashes)} line(s) were cut from the end"]
        if hashes[head["n"]] != head["hash"]:
            return [f"line {head['n']} is not the one that was written"]
        return []

    @contextmanager
    def _exclusive(self) -> Iterator[int]:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)

    def _recover(self, fd: int) -> JournalEntry | None:
        """Return the last line; cut a torn one, whose act never began."""
        size = os.lseek(fd, 0, os.SEEK_END)
        start = max(0, size - (1 << 16))
        tail = os.pread(fd, size - start, start)
        end = tail.rfind(b"\n") + 1
        if end != len(tail):
            os.ftruncate(fd, start + end)
        if not end:
            return None
        entry = _parse_entry(tail[:end].splitlines()[-1])
        if entry is None:
            raise StateError(f"{self.path}: the last line is damaged; run 'leakfirst rotate log --check'")
        return entry

    def _write_head(self, n: int, digest: str) -> None:
        head = to_canonical_json({"n": n, "hash": digest, "mac": self._mac(n, digest)})
        write_private(self._head, head)

    def _mac(self, n: int, digest: str) -> str:
        return hmac.new(self._key, b"head" + to_canonical_json([n, digest]), hashlib.sha256).hexdigest()


def _parse_entry(line: bytes) -> JournalEntry | None:
    try:
        data: dict[str, Any] = json.loads(line)
        return JournalEntry(**data)
    except (ValueError, TypeError):
        return None


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def write_private(path: str, data: bytes) -> None:
    """Replace *path* as a whole, readable by its owner alone, and wait for the disk."""
    fresh = f"{path}.{os.getpid()}"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(fresh, path)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
