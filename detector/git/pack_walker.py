"""Read the objects of a pack: inflate each object once, apply each delta once, return them in batches.

The order comes from packs.py: depth first, so that a base object is still in
memory when the deltas against it are applied. Typed for mypyc, like deltas.py.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import deflate

from detector.engine.stored import Stored
from detector.git import deltas
from detector.model import Skipped

if TYPE_CHECKING:
    from mypy_extensions import i64

KINDS: Final = ("", "commit", "tree", "blob", "tag")

WANTED: Final = 1
HAS_CHILDREN: Final = 2
LAST_CHILD: Final = 4
"""Flags of a step: the object is wanted, is the base of a later step, is the last delta against its base."""

_DEFLATE_RATIO: Final = 1032
"""Deflate expands one byte to at most this many."""

_SMALL: Final = 160
"""Below this size in bytes zlib is faster than libdeflate."""


class ObjectError(ValueError):
    """An object cannot be read: it is corrupt, truncated or over the limit."""


def inflate(data: memoryview, size: int) -> bytes:
    """Inflate zlib *data* to exactly *size* bytes; bytes that follow the compressed data are ignored."""
    given: i64 = len(data)
    declared: i64 = size
    if declared < 0 or declared > given * _DEFLATE_RATIO:
        raise ObjectError("declares a larger size than its compressed bytes can produce")
    try:
        if declared < _SMALL and given < 4 * _SMALL:
            found = zlib.decompress(data, 15, size or 1)
        else:
            found = bytes(deflate.zlib_decompress(data, size))
    except (zlib.error, deflate.DeflateError):
        raise ObjectError("compressed data is corrupt") from None
    if len(found) != declared:
        raise ObjectError("has another size than it declares")
    return found


class PackWalker:
    """Reads the objects of one pack in the order of its steps, a batch per call of `read_batch`."""

    def __init__(self, pack: Any, ids: bytes, width: int, columns: list[list[int]], limits: tuple[int, int]) -> None:
        """*pack* is a memoryview of the whole file, *ids* the object ids of all steps, *width* bytes each.

        *columns* are depth, flags, kind, body, end and size of each step (see `shares.PackSteps`).
        *limits* are the maximal bytes of one object, and of all objects rebuilt along one delta chain.
        """
        self._pack = pack
        self._ids = ids
        self._width = width
        self._depths, self._flags, self._kinds, self._bodies, self._ends, self._sizes = columns
        self._max_object, self._max_chain = limits
        levels = max(self._depths) + 1
        self._contents: list[bytes | None] = [None] * levels
        self._chain_bytes: list[int] = [0] * levels
        self._names: list[bytes] = [b""] * levels
        self._next = 0
        self.bytes_read = 0  # compressed bytes, so far

    def read_batch(self, batch_bytes: int, skipped: list[Skipped]) -> list[Stored]:
        """Return the wanted objects of the next steps, about *batch_bytes* of content; an empty list at the end.

        Objects that cannot be read are appended to *skipped*.
        """
        found: list[Stored] = []
        step: i64 = self._next
        count: i64 = len(self._depths)
        read: i64 = self.bytes_read
        made: i64 = 0
        most: i64 = batch_bytes
        while step < count and made < most:
            depth: i64 = self._depths[step]
            flags: i64 = self._flags[step]
            width: i64 = self._width
            name = self._ids[step * width : step * width + width]
            body: i64 = self._bodies[step]
            end: i64 = self._ends[step]
            size = self._sizes[step]
            read += end - body
            base: bytes | None = None
            delta = b""
            content: bytes | None = None
            try:
                if depth > 0:
                    base = self._contents[depth - 1]
                    if flags & LAST_CHILD:
                        self._contents[depth - 1] = None
                    if base is None:
                        raise ObjectError("its base object cannot be read")
                    if size > self._max_object:
                        raise ObjectError(f"a delta of {size} bytes is over the limit of {self._max_object}")
                    delta = inflate(self._pack[body:end], size)
                    content = deltas.apply_delta(base, delta, self._max_object)
                    if flags & HAS_CHILDREN:
                        chain_bytes = self._chain_bytes[depth - 1] + len(content)
                        self._chain_bytes[depth] = chain_bytes
                        if chain_bytes > self._max_chain:
                            raise ObjectError("its delta chain is over the size limit")
                else:
                    if size > self._max_object:
                        raise ObjectError(f"{size} bytes are over the limit of {self._max_object}")
                    content = inflate(self._pack[body:end], size)
                    self._chain_bytes[0] = size
            except (ObjectError, deltas.DeltaError, MemoryError) as problem:
                content = None
                if flags & WANTED:
                    skipped.append(Skipped(name.hex(), str(problem) or "not enough memory"))
            if flags & HAS_CHILDREN:
                self._contents[depth] = content
                self._names[depth] = name
            if flags & WANTED and content is not None:
                made += len(content) + 1
                above = self._names[depth - 1] if depth > 0 else None
                found.append(Stored(name, KINDS[self._kinds[step]], content, above, delta, depth))
            step += 1
        self._next = step
        self.bytes_read = read
        return found
