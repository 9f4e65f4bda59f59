"""Examine the same text around anchor hits only once, however many versions repeat it.

The versions of a file repeat nearly all of their lines, and examining a hit takes many
times as long as looking it up. The result of a hit depends on the text around it, as
far as its rules and decoders reach. So a text is split into segments that hold all of
that, and the results of the latest segments are cached.

A segment is examined as if there were nothing else, cached or not, so the cache never
changes a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

AnchorHits = Sequence[tuple[int, int]]
"""What pass 1 found: pairs of anchor and end."""

UNBOUNDED = 1 << 60
"""A reach: the result of the hit may depend on the whole text."""

MAX_SEGMENT = 64 << 10
"""Bytes above which a segment is not cached."""

MAX_CACHED = 8 << 20
"""Bytes of all cached segments; above that the cache is cleared."""


class Segment(NamedTuple):
    """A part of a text with the hits in it, whose ends count from `start`."""

    start: int
    text: bytes
    hits: tuple[tuple[int, int], ...]


def split_segments(data: bytes, hits: AnchorHits, reaches: Mapping[int, tuple[int, int]]) -> Iterator[Segment]:
    """Split *data* around *hits*; *reaches* holds how many bytes to include before and after the end of each anchor.

    Segments neither overlap nor touch, and come in order of their start.
    """
    found: list[tuple[int, int, list[tuple[int, int]]]] = []
    start, stop = UNBOUNDED, -1
    group: list[tuple[int, int]] = []
    for hit in sorted(hits, key=_END):
        before, after = reaches[hit[0]]
        low, high = hit[1] - before, hit[1] + after
        if low > stop and group:
            found.append((start, stop, group))
            start, stop, group = low, high, [hit]
            continue
        while found and low <= found[-1][1]:
            start, _, earlier = found.pop()
            group = earlier + group
        group.append(hit)
        start = low if low < start else start
        stop = high if high > stop else stop
    found.append((start, stop, group))
    for start, stop, group in found:
        start = max(0, start)
        moved = [(anchor, end - start) for anchor, end in group] if start else group
        yield Segment(start, bytes(data[start:stop]), tuple(moved))


_END = itemgetter(1)


class ReachTable(dict[int, tuple[int, int]]):
    """How many bytes around the hits of each anchor matter, computed on first use."""

    def __init__(self, compute: Callable[[int], tuple[int, int]]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, anchor: int) -> tuple[int, int]:
        reach = self[anchor] = self._compute(anchor)
        return reach


class ContextCache:
    """The results of the latest segments."""

    def __init__(self) -> None:
        self._results: dict[tuple[bytes, str, tuple[tuple[int, int], ...]], Any] = {}
        self._size = 0

    def get_or_compute(self, segment: Segment, path: str, examine: Callable[[bytes, str, AnchorHits], Any]) -> Any:
        """Return ``examine(text, path, hits)`` of *segment*, from the cache if it is there."""
        if len(segment.text) > MAX_SEGMENT:
            return examine(segment.text, path, segment.hits)
        key = segment.text, path, segment.hits
        found = self._results.get(key)
        if found is None:
            if self._size > MAX_CACHED:
                self._results.clear()
                self._size = 0
            found = self._results[key] = examine(segment.text, path, segment.hits)
            self._size += len(segment.text)
        return found
