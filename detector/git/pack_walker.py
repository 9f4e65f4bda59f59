"""Walk through a pack: inflate each object once, apply each delta once, hand them out by the hundred.

The steps come from packs.py: depth first, so that a base is in memory when what
is stored against it follows. Typed for mypyc, like deltas.py.
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

YIELD: Final = 1
FAMILY: Final = 2
LAST: Final = 4
"""Flags of a step: wanted, base of a later step, last child of its base."""

_DEFLATE_RATIO: Final = 1032
"""Deflate cannot make one byte into more than this."""

_SMALL: Final = 160
"""Below this zlib is quicker to start than libdeflate."""


class ObjectError(ValueError):
    """One object cannot be read: corrupt, cut short, or over budget."""


def inflate(data: memoryview, size: int) -> bytes:
    """Inflate zlib *data* that must give exactly *size* bytes; what follows it is ignored."""
    given: i64 = len(data)
    announced: i64 = size
    if announced < 0 or announced > given * _DEFLATE_RATIO:
        raise ObjectError("announces more than its bytes can hold")
    try:
        if announced < _SMALL and given < 4 * _SMALL:
            found = zlib.decompress(data, 15, size or 1)
        else:
            found = bytes(deflate.zlib_decompress(data, size))
    except (zlib.error, deflate.DeflateError):
        raise ObjectError("compressed data is corrupt") from None
    if len(found) != announced:
        raise ObjectError("has another size than it announces")
    return found


class Walker:
    """One walk through one pack; `some` goes a little further at each call."""

    def __init__(self, pack: Any, ids: bytes, width: int, columns: list[list[int]], limits: tuple[int, int]) -> None:
        """*pack* is a memoryview of the whole file, *ids* holds the ids of all steps, *width* bytes each.

        *columns* are depth, flags, kind, body, end and size of each step (see `shares.Steps`),
        *limits* the bytes of one object and of all that is built on the way to one.
        """
        self._pack = pack
        self._ids = ids
        self._width = width
        self._depths, self._flags, self._kinds, self._bodies, self._ends, self._sizes = columns
        self._limit, self._chain = limits
        room = max(self._depths) + 1
        self._held: list[bytes | None] = [None] * room
        self._spent: list[int] = [0] * room
        self._names: list[bytes] = [b""] * room
        self._next = 0
        self.read = 0  # compressed bytes, so far

    def some(self, enough: int, skipped: list[Skipped]) -> list[Stored]:
        """Return the wanted objects of the next steps, about *enough* bytes of content; nothing at the end.

        What cannot be read is appended to *skipped*.
        """
        found: list[Stored] = []
        step: i64 = self._next
        count: i64 = len(self._depths)
        read: i64 = self.read
        made: i64 = 0
        most: i64 = enough
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
                    base = self._held[depth - 1]
                    if flags & LAST:
                        self._held[depth - 1] = None
                    if base is None:
                        raise ObjectError("its delta base cannot be read")
                    if size > self._limit:
                        raise ObjectError(f"a delta of {size} bytes is over the limit of {self._limit}")
                    delta = inflate(self._pack[body:end], size)
                    content = deltas.apply(base, delta, self._limit)
                    if flags & FAMILY:
                        spent = self._spent[depth - 1] + len(content)
                        self._spent[depth] = spent
                        if spent > self._chain:
                            raise ObjectError("its delta chain is over the size limit")
                else:
                    if size > self._limit:
                        raise ObjectError(f"{size} bytes are over the limit of {self._limit}")
                    content = inflate(self._pack[body:end], size)
                    self._spent[0] = size
            except (ObjectError, deltas.DeltaError, MemoryError) as problem:
                content = None
                if flags & YIELD:
                    skipped.append(Skipped(name.hex(), str(problem) or "not enough memory"))
            if flags & FAMILY:
                self._held[depth] = content
                self._names[depth] = name
            if flags & YIELD and content is not None:
                made += len(content) + 1
                above = self._names[depth - 1] if depth > 0 else None
                found.append(Stored(name, KINDS[self._kinds[step]], content, above, delta, depth))
            step += 1
        self._next = step
        self.read = read
        return found
