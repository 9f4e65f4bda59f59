"""Rebuild an object from its delta base: the inner loop of reading a history.

Most bytes of a history come out of these functions, so the source is typed for
mypyc, which compiles it where the build has a C compiler; elsewhere the same
source runs interpreted, slower, with the same result. `COMPILED` tells which.

A delta comes from a repository that nobody vouches for. Every offset is checked
before it is used, and nothing is built beyond the size the delta announced and
the limit the caller set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from librt.strings import BytesWriter, read_i64_le, write_i64_le

if TYPE_CHECKING:
    from mypy_extensions import i64

COMPILED: Final[bool] = not __file__.endswith(".py")
"""Whether this module runs as machine code."""

SHORT: Final = 96
"""Most instructions are shorter than this many bytes. To write those word by word takes less time, in machine code,
than to make an object of each."""

_LONG: Final = 4096
"""From here on a view is cheaper than a copy."""


class DeltaError(ValueError):
    """A delta that does not fit its base, its own sizes, or the limit."""


def apply(base: bytes, delta: bytes, limit: int) -> bytes:
    """Return *delta* applied to *base*; at most *limit* bytes, else `DeltaError`."""
    i: i64 = 0
    end: i64 = len(delta)
    base_size: i64 = len(base)
    most: i64 = limit
    parts: list[Any] = []
    writer = BytesWriter()  # what goes behind the last part
    try:
        byte: i64 = 128
        shift: i64 = 0
        expected: i64 = 0
        while byte >= 128:
            byte = delta[i]
            i += 1
            if shift > 55:
                raise DeltaError("delta announces an impossible size")
            expected |= (byte & 127) << shift
            shift += 7
        if expected != base_size:
            raise DeltaError("delta was made for another base")
        byte = 128
        shift = 0
        size: i64 = 0
        while byte >= 128:
            byte = delta[i]
            i += 1
            if shift > 55:
                raise DeltaError("delta announces an impossible size")
            size |= (byte & 127) << shift
            shift += 7
        if size > most:
            raise DeltaError("result is over the size limit")

        made: i64 = 0  # bytes of the result so far
        start: i64 = 0  # the copy that is still growing: base[start:stop]
        stop: i64 = 0
        while i < end:
            byte = delta[i]
            i += 1
            if byte >= 128:
                offset: i64 = 0
                length: i64 = 0
                if byte & 1:
                    offset = delta[i]
                    i += 1
                if byte & 2:
                    part: i64 = delta[i]
                    offset |= part << 8
                    i += 1
                if byte & 4:
                    part = delta[i]
                    offset |= part << 16
                    i += 1
                if byte & 8:
                    part = delta[i]
                    offset |= part << 24
                    i += 1
                if byte & 16:
                    length = delta[i]
                    i += 1
                if byte & 32:
                    part = delta[i]
                    length |= part << 8
                    i += 1
                if byte & 64:
                    part = delta[i]
                    length |= part << 16
                    i += 1
                if length == 0:
                    length = 0x10000
                if offset + length > base_size:
                    raise DeltaError("delta copies from beyond its base")
                made += length
                if made > size:
                    raise DeltaError("delta makes more than it announced")
                if offset != stop or start == stop:
                    _add(parts, writer, base, start, stop)
                    start = offset
                stop = offset + length
            elif byte:
                if stop > start:
                    _add(parts, writer, base, start, stop)
                    start = 0
                    stop = 0
                if i + byte > end:
                    raise DeltaError("delta is cut short")
                made += byte
                if made > size:
                    raise DeltaError("delta makes more than it announced")
                _add(parts, writer, delta, i, i + byte)
                i += byte
            else:
                raise DeltaError("delta has an unknown instruction")
        if made != size:
            raise DeltaError("delta makes less than it announced")
        _add(parts, writer, base, start, stop)
        if len(writer):
            parts.append(writer.getvalue())
    except IndexError:
        raise DeltaError("delta is cut short") from None
    return b"".join(parts)


def _add(parts: list[Any], writer: BytesWriter, source: bytes, start: i64, stop: i64) -> None:
    """Put ``source[start:stop]`` behind the *parts* and what is in the *writer*."""
    size: i64 = stop - start
    if COMPILED and size <= SHORT:
        while start + 8 <= stop:
            write_i64_le(writer, read_i64_le(source, start))
            start += 8
        while start < stop:
            writer.append(source[start])
            start += 1
        return
    if len(writer):
        parts.append(writer.getvalue())
        writer.truncate(0)
    parts.append(source[start:stop] if size < _LONG else memoryview(source)[start:stop])
