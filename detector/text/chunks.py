"""Split a stream of any length into overlapping blobs of bounded size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from detector.model import Blob, Origin

CHUNK_BYTES = 8 << 20
"""Bytes of a large file that one blob reports on."""

MARGIN_BYTES = 64 << 10
"""Bytes of context on either side of a chunk; no credential is longer."""


def read_fully(descriptor: int, size: int) -> bytes:
    """Read *size* bytes, or up to the end of the file; a single read() may return less (2 GB at most)."""
    data = os.read(descriptor, size)
    if len(data) == size or not data:
        return data
    parts = [data]
    left = size - len(data)
    while left and (data := os.read(descriptor, left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def split_stream(read: Callable[[int], bytes], origin: Origin) -> Iterator[Blob]:
    """Split a stream into blobs that overlap by the margins.

    `read(n)` returns at most *n* bytes, b"" at the end. Lines and columns are
    counted once, while the stream is read.
    """
    before = b""
    ahead = read(CHUNK_BYTES + MARGIN_BYTES)
    base = line = column = 0
    while ahead:
        data = before + ahead
        last = len(ahead) < CHUNK_BYTES + MARGIN_BYTES
        core_end = len(data) if last else len(before) + CHUNK_BYTES
        yield Blob(data, origin, base, line, column, (len(before), core_end))
        if last:
            return
        keep = core_end - MARGIN_BYTES
        passed = data[:keep]
        newlines = passed.count(b"\n")
        if newlines:
            line += newlines
            column = 0
            passed = passed[passed.rfind(b"\n") + 1 :]
        column += len(passed) if passed.isascii() else len(passed.decode("utf-8", "replace"))
        base += keep
        before, rest = data[keep:core_end], data[core_end:]
        ahead = rest + read(CHUNK_BYTES + MARGIN_BYTES - len(rest))
