"""Streams of bytes inside containers: a part of known size, and compressed data that may be damaged.

The readers of the standard library lose what they hold when compressed data is
damaged, and stop at the first byte that is no data. A credential may stand in
front of the damage or behind it, and other tools find it there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

READ_BYTES = 64 << 10
MAX_STRAY_BYTES = 8 << 20
"""Bytes between compressed streams that are kept to be scanned."""
_REACH = 16
"""No signature of a stream is longer than this."""


class BoundedStream:
    """The next *size* bytes of a stream."""

    def __init__(self, file: Any, size: int) -> None:
        self._file = file
        self.remaining = size

    def read(self, size: int = -1, /) -> bytes:
        """Return up to *size* of the remaining bytes."""
        part: bytes = self._file.read(self.remaining if size < 0 else min(size, self.remaining))
        self.remaining -= len(part)
        return part

    def skip(self, more: int = 0) -> None:
        """Skip the bytes that were not read, and *more* bytes of padding."""
        remaining = self.remaining + more
        while remaining > 0 and (part := self._file.read(min(remaining, 1 << 20))):
            remaining -= len(part)
        self.remaining = 0


class Damaged(Exception):
    """Compressed data is damaged; everything that could be read was returned before."""


class DecompressedStream:
    """The content of all compressed streams of one kind in *file*, whatever stands between them.

    *start* returns a new decompressor, *signature* matches the first bytes of a
    stream. What could not be read raises `Damaged` after everything else was
    returned. `stray` holds the bytes that belong to no stream, without padding.
    *piece* is how many bytes are decompressed at once: what a piece holds is lost
    where it is damaged, unless the decompressor can be copied.
    """

    def __init__(
        self, file: Any, start: Callable[[], Any], signature: re.Pattern[bytes], piece: int = READ_BYTES
    ) -> None:
        self._file = file
        self._start = start
        self._signature = signature
        self._piece = piece
        self._stream = start()
        self._pending = b""
        self._at_end = False
        self._damage = ""
        self.stray = bytearray()

    def read(self, size: int = -1, /) -> bytes:
        """Return up to *size* bytes, b"" at the end. Raises `Damaged` at the end."""
        size = size if size >= 0 else 1 << 20
        while size and not self._at_end:
            if self._stream.eof and not self._open_next(self._stream.unused_data + self._pending):
                break
            wanted = getattr(self._stream, "needs_input", True)
            if wanted and not self._pending:
                self._pending = self._file.read(READ_BYTES)
            if wanted and not self._pending:
                rest: bytes = self._stream.decompress(b"", size)
                if rest:
                    return rest
                if not self._stream.eof:
                    self._damage = self._damage or "it ends in the middle of the data"
                    break
                continue
            if part := self._decompress(size, wanted):
                return part
        self._at_end = self._at_end or size > 0
        if self._damage and size:
            damage, self._damage = self._damage, ""
            raise Damaged(damage)
        return b""

    def _decompress(self, size: int, wanted: bool) -> bytes:
        data = self._pending[: self._piece] if wanted else b""
        self._pending = self._pending[len(data) :]
        before = self._stream.copy() if hasattr(self._stream, "copy") else None
        try:
            part: bytes = self._stream.decompress(data, size)
        except Exception as problem:  # each decompressor has errors of its own
            self._damage = self._damage or str(problem)
            part, used = _rescue(before, data) if before else (b"", 0)
            self._open_next(data[max(used, 1) :] + self._pending)  # a stream that fails at once is not opened again
            return part
        self._pending = getattr(self._stream, "unconsumed_tail", b"") + self._pending
        return part

    def _open_next(self, data: bytes) -> bool:
        """Go on at the next stream in *data* or after it; return False at the end."""
        while True:
            if found := self._signature.search(data):
                self._keep_stray(data[: found.start()])
                self._stream, self._pending = self._start(), data[found.start() :]
                return True
            more = self._file.read(READ_BYTES)
            if not more:
                self._keep_stray(data)
                self._at_end = True
                return False
            kept = data[-_REACH:]
            self._keep_stray(data[: len(data) - len(kept)])
            data = kept + more

    def _keep_stray(self, data: bytes) -> None:
        if data.strip(b"\0"):
            self.stray += data[: MAX_STRAY_BYTES - len(self.stray)]


def _rescue(stream: Any, data: bytes) -> tuple[bytes, int]:
    """Return what *stream* gives before it fails in *data*, and how many bytes of *data* it took."""
    parts = []
    for at in range(len(data)):
        try:
            parts.append(stream.decompress(data[at : at + 1]))
        except Exception:
            return b"".join(parts), at
    return b"".join(parts), len(data)
