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
import getpass
import hashlib
import hmac
import json
import os
import socket
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


OTHER_KEY = "journal.head was not written by this machine's key"


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
    who: str = ""


def name_ourselves() -> str:
    """Return the account and the host that we run as."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def format_time(seconds: float) -> str:
    """Return *seconds* since the epoch as ISO 8601 in UTC.

    >>> format_time(0)
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
                "who": name_ourselves(),
            }
            digest = self._digest(body)
            gap = self._find_gap(last)
            line = to_canonical_json({**body, "hash": digest}) + b"\n"
            _write_all(fd, line)
            os.fsync(fd)
            self._write_head(n, digest, gap)
            return JournalEntry(**body, hash=digest)

    def require_key(self) -> None:
        """Raise `StateError` if the first line was written with another key than ours: by another host."""
        first = next(iter(self.entries()), None)
        if first is None:
            return
        body = {name: value for name, value in first._asdict().items() if name != "hash" and (name != "who" or value)}
        if not hmac.compare_digest(self._digest(body), first.hash):
            raise StateError(
                f"{self.path} was written with another key: go on where it was begun, or bring its key along"
            )

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

    def check(self, anchor: str = "") -> list[str]:
        """Return what is wrong with the chain; an empty list means that it holds.

        *anchor* is a number and digest (``12:9c1e…``) that `get_anchor` gave at an earlier time.
        """
        problems: list[str] = []
        try:
            with open(self.path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            data = b""
        prev, n, keyed = GENESIS, 0, False
        hashes = [GENESIS]
        for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
            entry = _parse_entry(line)
            if entry is None:
                problems.append(f"line {number}: unreadable")
                continue
            n += 1
            body = {**entry._asdict()}
            digest = body.pop("hash")
            if keyed and not entry.who:
                problems.append(f"line {number}: was not written with this machine's key")
            keyed = keyed or bool(entry.who)
            if entry.prev != prev:
                problems.append(f"line {number}: does not follow the line before it")
            elif entry.n != n:
                problems.append(f"line {number}: numbered {entry.n} instead of {n}")
            elif not hmac.compare_digest(self._digest(body), digest):
                problems.append(f"line {number}: was changed after it was written")
            prev, n = entry.hash, entry.n
            hashes.append(entry.hash)
        about_head = self._check_head(hashes)
        if about_head == [OTHER_KEY] and len(problems) == n:
            problems = []  # not one line is ours: the head says so
        problems += about_head
        if anchor:
            last, _, start = anchor.partition(":")
            if not last.isdecimal() or len(start) < 16:
                raise StateError(f"{anchor!r} is no anchor: NUMBER:DIGEST, as 'rotate log --check' prints it")
            if int(last) >= len(hashes) or not hashes[int(last)].startswith(start):
                problems.append(f"line {last} is not the one of the anchor: the log was rewritten or set back")
        return problems

    def get_anchor(self) -> str:
        """Return number and digest of the last line, to be kept where this log cannot be changed."""
        last = self.entries()[-1:]
        return f"{last[0].n}:{last[0].hash[:32]}" if last else "0:" + GENESIS[:32]

    def _digest(self, body: dict[str, Any]) -> str:
        """Return the digest of a line; lines of earlier versions have no writer and are not keyed."""
        if not body["who"]:
            rest = {name: value for name, value in body.items() if name != "who"}
            return hashlib.sha256(body["prev"].encode() + to_canonical_json(rest)).hexdigest()
        return hmac.new(self._key, b"line" + to_canonical_json(body), hashlib.sha256).hexdigest()

    def _check_head(self, hashes: list[str]) -> list[str]:
        try:
            head = self._read_head()
        except FileNotFoundError:
            return ["journal.head is missing: lines at the end may have been cut"] if len(hashes) > 1 else []
        except (ValueError, KeyError, TypeError):
            return ["journal.head is damaged"]
        if head is None:
            return [OTHER_KEY]
        if head["n"] >= len(hashes):
            return [f"{head['n'] + 1 - len(hashes)} line(s) were cut from the end"]
        if hashes[head["n"]] != head["hash"]:
            return [f"line {head['n']} is not the one that was written"]
        if head.get("gap"):
            return [f"line {head['gap']} was written behind a log that is not the one we wrote before"]
        return []

    def _read_head(self) -> dict[str, Any] | None:
        """Return the head; None for one that another key signed."""
        with open(self._head, "rb") as file:
            head: dict[str, Any] = json.loads(file.read())
        mac = self._mac(head["n"], head["hash"], int(head.get("gap", 0)))
        return head if hmac.compare_digest(mac, str(head.get("mac"))) else None

    def _find_gap(self, last: JournalEntry | None) -> int:
        """Return the number of the first line that does not follow the log as we left it; 0 if there is none.

        Acting goes on, since a leak must be contained, but the head remembers it.
        """
        here = last.n + 1 if last else 1
        try:
            head = self._read_head()
        except FileNotFoundError:
            return here if last else 0
        except (ValueError, KeyError, TypeError):
            head = None
        if head is None:
            return here
        if last and (head["n"], head["hash"]) in ((last.n, last.hash), (last.n - 1, last.prev)):
            return int(head.get("gap", 0))
        return int(head.get("gap", 0)) or here

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

    def _write_head(self, n: int, digest: str, gap: int) -> None:
        head = {"n": n, "hash": digest, "mac": self._mac(n, digest, gap), **({"gap": gap} if gap else {})}
        write_private(self._head, to_canonical_json(head))

    def _mac(self, n: int, digest: str, gap: int) -> str:
        what = [n, digest, gap] if gap else [n, digest]
        return hmac.new(self._key, b"head" + to_canonical_json(what), hashlib.sha256).hexdigest()


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
