"""Entries of a zip file that its directory does not list.

A program that reads a zip file as a stream, such as `jar` or an installer, unpacks
every entry by the header in front of it and never looks at the directory at the
end. An entry that was removed from the directory alone is still there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, NamedTuple

from detector.containers.contract import Member
from detector.containers.limits import ENCRYPTED
from detector.containers.streams import MAX_STRAY_BYTES, READ_BYTES
from detector.model import Skipped

HEADER = b"PK\x03\x04"
_HEADER_BYTES = 30
_STORED, _DEFLATED = 0, 8
_MIN_STRAY_BYTES = 32
"""A shorter gap is padding or the sizes that some programs write behind an entry."""
_WINDOW_BYTES = 1 << 20


class _Header(NamedTuple):
    """The header in front of an entry; `packed_size` is 0 if it stands behind the entry."""

    name: str
    flags: int
    method: int
    packed_size: int
    data: int
    """The offset of the compressed bytes."""


def read_gap(file: Any, start: int, end: int) -> Iterator[Member | Skipped]:
    """Read the entries in ``start:end`` of a seekable zip file, and the bytes around them."""
    at = start
    stray = bytearray()
    left_out = False
    while end - at >= _MIN_STRAY_BYTES:
        found = _find_header(file, at, end)
        outside = end if found < 0 else found
        part = _read_range(file, at, min(outside, at + MAX_STRAY_BYTES - len(stray)))
        left_out = left_out or len(part) < outside - at
        stray += part
        if found < 0:
            break
        header = _read_header(file, found, end)
        if header is None:
            stray += HEADER
            at = found + len(HEADER)
            continue
        entry = _LocalEntry(file, header, end)
        if header.flags & 1:
            yield Skipped(header.name, ENCRYPTED)
        elif header.method in (_STORED, _DEFLATED):
            yield Member(header.name, entry)
        else:
            yield Skipped(header.name, f"cannot be unpacked: it uses compression method {header.method}")
        at = entry.find_end()
    if len(stray.strip(b"\0")) >= _MIN_STRAY_BYTES:
        yield Member("", io.BytesIO(stray), is_remainder=True)
    if left_out:
        yield Skipped("", "contains more bytes outside of its entries than are scanned")


def _read_range(file: Any, start: int, end: int) -> bytes:
    file.seek(start)
    data: bytes = file.read(max(0, end - start))
    return data


def _find_header(file: Any, start: int, end: int) -> int:
    at = start
    while at < end:
        window = _read_range(file, at, min(end, at + _WINDOW_BYTES + len(HEADER) - 1))
        if (found := window.find(HEADER)) >= 0:
            return at + found
        at += _WINDOW_BYTES
    return -1


def _read_header(file: Any, at: int, end: int) -> _Header | None:
    head = _read_range(file, at, min(end, at + _HEADER_BYTES))
    if len(head) < _HEADER_BYTES:
        return None
    name_length, extra_length = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
    data = at + _HEADER_BYTES + name_length + extra_length
    if data > end:
        return None
    flags = int.from_bytes(head[6:8], "little")
    name = _read_range(file, at + _HEADER_BYTES, at + _HEADER_BYTES + name_length)
    text = name.decode("utf-8" if flags & 0x800 else "cp437", "replace")
    return _Header(text, flags, int.from_bytes(head[8:10], "little"), int.from_bytes(head[18:22], "little"), data)


class _LocalEntry:
    """The content of an entry, read without the directory."""

    def __init__(self, file: Any, header: _Header, end: int) -> None:
        import zlib

        self._file = file
        self._at = header.data
        self._end = min(end, header.data + header.packed_size) if header.packed_size else end
        self._known_size = bool(header.packed_size)
        self._inflater = zlib.decompressobj(-15) if header.method == _DEFLATED else None
        self._pending = b""
        if not self._known_size and self._inflater is None:
            following = _find_header(file, header.data, end)
            self._end = following if following >= 0 else end
            self._known_size = True

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; `zlib.error` if they are damaged."""
        if self._inflater is None:
            part = _read_range(self._file, self._at, min(self._end, self._at + size))
            self._at += len(part)
            return part
        while not self._inflater.eof:
            data = self._pending or _read_range(self._file, self._at, min(self._end, self._at + READ_BYTES))
            if not self._pending:
                self._at += len(data)
            part = self._inflater.decompress(data, size)
            self._pending = self._inflater.unconsumed_tail
            if part or not data:
                return part
        return b""

    def find_end(self) -> int:
        """Return the offset behind the entry, as far as it is known."""
        if self._known_size:
            return self._end
        unused = self._inflater.unused_data if self._inflater and self._inflater.eof else b""
        return self._at - len(unused) - len(self._pending)
