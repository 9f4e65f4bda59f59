"""Rebuild an object from its base object and a delta: the inner loop of reading a history.

Most bytes of a history are produced here, so the source is typed for mypyc,
which compiles it if the build has a C compiler. Without one, the same source
runs interpreted: slower, with the same result. `COMPILED` says which is loaded.

Deltas come from untrusted repositories. Every offset is checked before use, and
the result never exceeds the size that the delta declares and the caller's limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from librt.strings import BytesWriter, read_i64_le, write_i64_le

if TYPE_CHECKING:
    from mypy_extensions import i64

COMPILED: Final[bool] = not __file__.endswith(".py")
"""Whether the compiled form of this module is loaded."""

SHORT: Final = 96
"""Most instructions copy or insert at most this many bytes. Compiled code writes those word by word, which is faster
than creating an object for each."""

_LONG: Final = 4096
"""From this size in bytes on, a memoryview is cheaper than a copy."""


class DeltaError(ValueError):
    """A delta that does not match its base object or its declared sizes, or that exceeds the limit."""


def apply_delta(base: bytes, delta: bytes, limit: int) -> bytes:
    """Apply *delta* to the content *base* and return the result; `DeltaError` if it exceeds *limit* bytes."""
    i: i64 = 0
    end: i64 = len(delta)
    base_size: i64 = len(base)
    most: i64 = limit
    parts: list[Any] = []
    writer = BytesWriter()  # the bytes that follow the last part
    try:
        byte: i64 = 128
        shift: i64 = 0
        expected: i64 = 0
        while byte >= 128:
            byte = delta[i]
            i += 1
            if shift > 55:
                raise DeltaError("delta declares an impossible size")
            expected |= (byte & 127) << shift
            shift += 7
        if expected != base_size:
            raise DeltaError("delta was made for another base object")
        byte = 128
        shift = 0
        size: i64 = 0
        while byte >= 128:
            byte = delta[i]
            i += 1
            if shift > 55:
                raise DeltaError("delta declares an impossible size")
            size |= (byte & 127) << shift
            shift += 7
        if size > most:
            raise DeltaError("result is over the size limit")

        made: i64 = 0  # size of the result so far
        start: i64 = 0  # the pending copy, base[start:stop]; adjacent copies are merged
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
                    raise DeltaError("delta copies from beyond its base object")
                made += length
                if made > size:
                    raise DeltaError("delta produces more bytes than it declares")
                if offset != stop or start == stop:
                    _append(parts, writer, base, start, stop)
                    start = offset
                stop = offset + length
            elif byte:
                if stop > start:
                    _append(parts, writer, base, start, stop)
                    start = 0
                    stop = 0
                if i + byte > end:
                    raise DeltaError("delta is truncated")
                made += byte
                if made > size:
                    raise DeltaError("delta produces more bytes than it declares")
                _append(parts, writer, delta, i, i + byte)
                i += byte
            else:
                raise DeltaError("delta has an unknown instruction")
        if made != size:
            raise DeltaError("delta produces fewer bytes than it declares")
        _append(parts, writer, base, start, stop)
        if len(writer):
            parts.append(writer.getvalue())
    except IndexError:
        raise DeltaError("delta is truncated") from None
    return b"".join(parts)


def _append(parts: list[Any], writer: BytesWriter, source: bytes, start: i64, stop: i64) -> None:
    """Append ``source[start:stop]`` to the result, which is the *parts* followed by the *writer*."""
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
