"""Remove credentials from what an agent has written: transcripts, histories, logs.

A value is overwritten in place, by as many bytes as it has: the agent may append to the file at the same
time, and a file that it holds open stays the same one.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, NamedTuple

from detector.agents.process import run_detached

if TYPE_CHECKING:
    from detector.agents.redact import Found, Redactor
    from detector.secret import Secret

MAX_FILE = 256 << 20
MAX_FILES = 50
LATER = (0.3, 0.7, 1.5, 3.0)
"""Seconds to wait before each attempt to scrub what an agent is about to write."""

_TOKENS = re.compile(rb'\\u[0-9a-fA-F]{4}|\\.|"|[\r\n]|[^"\\\r\n]+', re.DOTALL)
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_FILL = b"<leakfirst removed this>"


class Scrubbed(NamedTuple):
    """What was removed from one file: each credential once, the places, and what is wrong with it."""

    path: str
    found: tuple[Found, ...] = ()
    places: int = 0
    problem: str = ""


def scrub_file(
    path: str, redactor: Redactor, *, backup: str = "", is_dry: bool = False, known: Sequence[Secret] = ()
) -> Scrubbed:
    """Overwrite the credentials, and the values *known*, in a file of JSON lines, JSON or text.

    A copy is kept as *backup*, if that is named.
    """
    flags = (os.O_RDONLY if is_dry else os.O_RDWR) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb" if is_dry else "r+b") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return Scrubbed(path, problem="is no plain file")
            if status.st_size > MAX_FILE:
                return Scrubbed(path, problem=f"is larger than {MAX_FILE >> 20} MB")
            data = file.read()
            if data.startswith(b"SQLite format 3\0"):
                return Scrubbed(path, problem="is a database: delete the conversation in the agent itself")
            spans, found = redactor.find_spans(data, known)
            if not spans or is_dry:
                return Scrubbed(path, found, len(spans))
            if backup:
                _write_backup(backup, data)
            kept = _overwrite(file, data, spans)
    except OSError as error:
        return Scrubbed(path, problem=f"cannot be changed ({error.strerror})")
    problem = f"{kept} places stay, where overwriting would break the file" if kept else ""
    return Scrubbed(path, found, len(spans) - kept, problem)


def _write_backup(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _overwrite(file: IO[bytes], data: bytes, spans: Sequence[tuple[int, int]]) -> int:
    """Overwrite *spans*, line by line; return how many stay because a line would be JSON no longer."""
    kept = 0
    lines: dict[int, list[tuple[int, int]]] = {}
    for start, end in spans:
        lines.setdefault(data.rfind(b"\n", 0, start) + 1, []).append((start, end))
    for first, found in lines.items():
        last = max(end for _, end in found)
        until = data.find(b"\n", last)
        until = len(data) if until < 0 else until
        old = data[first:until]
        inside = [(start - first, end - first) for start, end in found]
        new = fill(old, _clip(old, inside) if _is_json(old) else inside)
        if _is_json(old) and not _is_json(new):
            kept += len(found)
            continue
        file.seek(first)
        file.write(new)
    file.flush()
    os.fsync(file.fileno())
    return kept


def fill(line: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    r"""Return *line* with *spans* overwritten: as long as before, quotes and line breaks kept, no escape cut.

    >>> fill(b'{"a": "xy\\\\nz"}', [(8, 10)])
    b'{"a": "x***nz"}'
    """
    out = bytearray(line)
    for start, end in spans:
        for token in _TOKENS.finditer(line, _find_token(line, start)):
            if token.start() >= end:
                break
            first, last = max(token.start(), start), min(token.end(), end)
            if token[0][:1] == b"\\":
                first, last = token.span()
            if last > first and token[0] not in (b'"', b"\r", b"\n"):
                out[first:last] = b"*" * (last - first)
        if end - start >= len(_FILL) and out[start:end] == b"*" * (end - start):
            out[start : start + len(_FILL)] = _FILL
    return bytes(out)


def _clip(line: bytes, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the parts of *spans* that lie within the texts of a line of JSON."""
    found = []
    for text in _STRINGS.finditer(line):
        for start, end in spans:
            first, last = max(start, text.start() + 1), min(end, text.end() - 1)
            if first < last:
                found.append((first, last))
    return found


def _find_token(line: bytes, place: int) -> int:
    """Return where the token begins that *place* is in: after an odd number of backslashes it is an escape."""
    at = place
    while at > 0 and line[at - 1] == 0x5C:
        at -= 1
    if (place - at) % 2:
        return place - 1
    found = line.rfind(b"\\u", max(0, place - 5), place)
    return found if found >= 0 and (found == 0 or line[found - 1] != 0x5C) else place


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def scrub_later(path: str, redactor: Redactor, known: Sequence[Secret]) -> None:
    """Scrub a file, or the files of a folder, also of the values *known*, and return at once.

    A process of its own does it, some moments from now.
    """

    def work() -> None:
        import time

        for seconds in LATER:
            time.sleep(seconds)
            names = sorted(os.listdir(path)) if os.path.isdir(path) else [""]
            for name in names[:MAX_FILES]:
                scrub_file(os.path.join(path, name) if name else path, redactor, known=known)

    run_detached(work)
