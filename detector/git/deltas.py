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
    parts: list[Any] = []
    writer = BytesWriter()  # the bytes that follow the last part
    try:
        base_size, at = _read_size(delta, 0)
        if base_size != len(base):
            raise DeltaError("delta was made for another base object")
        size, at = _read_size(delta, at)
        if size > limit:
            raise DeltaError("result is over the size limit")
        _run_instructions(base, delta, at, size, parts, writer)
    except IndexError:
        raise DeltaError("delta is truncated") from None
    if len(writer):
        parts.append(writer.getvalue())
    return b"".join(parts)


def _read_size(delta: bytes, at: i64) -> tuple[i64, i64]:
    """Return the size at offset *at*, seven bits per byte, and the offset after it."""
    size: i64 = 0
    shift: i64 = 0
    byte: i64 = 128
    while byte >= 128:
        byte = delta[at]
        at += 1
        if shift > 55:
            raise DeltaError("delta declares an impossible size")
        size |= (byte & 127) << shift
        shift += 7
    return size, at


def _run_instructions(base: bytes, delta: bytes, i: i64, size: i64, parts: list[Any], writer: BytesWriter) -> None:
    """Append the result of the instructions from offset *i* on, which has *size* bytes."""
    end: i64 = len(delta)
    base_size: i64 = len(base)
    made: i64 = 0  # size of the result so far
    start: i64 = 0  # the pending copy, base[start:stop]; adjacent copies are merged
    stop: i64 = 0
    while i < end:
        byte: i64 = delta[i]
        i += 1
        if byte >= 128:
            offset: i64 = 0
            length: i64 = 0
            if byte & 72:
                offset, length, i = _decode_large_copy(delta, i, byte)
            else:
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
                if byte & 16:
                    length = delta[i]
                    i += 1
                if byte & 32:
                    part = delta[i]
                    length |= part << 8
                    i += 1
            if length == 0:
                length = 0x10000
            if offset + length > base_size:
                raise DeltaError("delta copies from beyond its base object")
            if offset != stop or start == stop:
                _append(parts, writer, base, start, stop)
                start = offset
            stop = offset + length
            made += length
        elif byte:
            if stop > start:
                _append(parts, writer, base, start, stop)
                start = stop = 0
            if i + byte > end:
                raise DeltaError("delta is truncated")
            _append(parts, writer, delta, i, i + byte)
            i += byte
            made += byte
        else:
            raise DeltaError("delta has an unknown instruction")
        if made > size:
            raise DeltaError("delta produces more bytes than it declares")
    if made != size:
        raise DeltaError("delta produces fewer bytes than it declares")
    _append(parts, writer, base, start, stop)


def _decode_large_copy(delta: bytes, i: i64, code: i64) -> tuple[i64, i64, i64]:
    """Return offset and length of a copy with all their bytes, and the offset of the next instruction.

    Only offsets from 16 MiB and lengths from 64 KiB on need this; they are rare.
    """
    offset: i64 = 0
    length: i64 = 0
    shift: i64 = 0
    while shift < 56:
        if code & 1:
            part: i64 = delta[i]
            i += 1
            if shift < 32:
                offset |= part << shift
            else:
                length |= part << (shift - 32)
        code >>= 1
        shift += 8
    return offset, length, i


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
