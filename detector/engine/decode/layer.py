"""A decoded layer, and the mapping of its offsets to the text that it was decoded from.

Decoding changes lengths: four characters become three bytes, six become one,
line breaks disappear. Hits in a layer must be reported with offsets of the outer
text, so a layer has a small table of pieces for the mapping.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Layer:
    """Decoded `data`, and the mapping to the outer text.

    `span` of the outer text was decoded. `table` returns two lists, the starts of the
    pieces in the layer and in the outer text, each with the end of the last piece as
    its last entry; within a piece offsets are proportional. A piece that was removed
    (a line break) has no length in the layer. `ratio` converts offsets into `data` to
    offsets of the pieces: (4, 3) for base64. Without a table every offset maps to the
    whole span, because parts of compressed data have no place of their own.
    """

    def __init__(
        self,
        data: bytes,
        via: str,
        span: tuple[int, int],
        table: Callable[[], tuple[Sequence[int], Sequence[int]]] | None = None,
        ratio: tuple[int, int] = (1, 1),
    ) -> None:
        self.data = data
        self.via = via
        self.span = span
        self.ratio = ratio
        self._make_table = table
        self.is_one_line = False
        self.is_empty = False
        """Set when the layer was examined and nothing was found in it."""

    @cached_property
    def _table(self) -> tuple[Sequence[int], Sequence[int]]:
        assert self._make_table
        return self._make_table()

    def to_outer(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the outer text from which ``data[start:end]`` was decoded."""
        if self._make_table is None:
            return self.span
        inner, _ = self._table
        times, parts = self.ratio
        first, last = start * times // parts, min(-(-end * times // parts), inner[-1])
        at = min(bisect_right(inner, first) - 1, len(inner) - 2)
        until = max(bisect_left(inner, last) - 1, 0)
        return self._interpolate(at, first, 0), self._interpolate(until, last, 1)

    def covers(self, place: int, phase: int) -> bool:
        """Return whether *place* is in this run of base64, and number *phase* of its group; False if that is costly."""
        start, end = self.span
        return self.is_one_line and start <= place < end and (place - start - phase) % 4 == 0

    def count_before(self, place: int) -> int:
        """Return the number of characters of the run before the outer offset *place*, without line breaks."""
        inner, outer = self._table
        piece = min(bisect_right(outer, place) - 1, len(outer) - 2)
        return inner[piece] + place - outer[piece]

    def _interpolate(self, piece: int, place: int, up: int) -> int:
        inner, outer = self._table
        inside = inner[piece + 1] - inner[piece]
        outside = outer[piece + 1] - outer[piece]
        steps = (place - inner[piece]) * outside
        if inside == 0:
            return outer[piece + up]
        return outer[piece] + (-(-steps // inside) if up else steps // inside)


class OffsetIndex(Generic[T]):
    """Values for spans of a text, found by an offset.

    There may be tens of thousands. Spans do not overlap, but a span may have up to `VARIANTS` values.
    """

    VARIANTS = 8

    def __init__(self) -> None:
        self._spans: list[tuple[int, int, int]] = []
        self._values: list[T] = []

    def add(self, start: int, end: int, value: T) -> None:
        """Add *value* for ``start:end``."""
        insort(self._spans, (start, end, len(self._values)))
        self._values.append(value)

    def find_at(self, offset: int) -> Iterator[T]:
        """Yield the values of the span that contains *offset*."""
        at = bisect_left(self._spans, (offset + 1,))
        for _, end, number in reversed(self._spans[max(0, at - self.VARIANTS) : at]):
            if offset < end:
                yield self._values[number]


def decode_lines(
    data: bytes, lines: Sequence[tuple[int, int]], via: str, decode: Callable[[bytes], bytes], ratio: tuple[int, int]
) -> Layer:
    """Decode the joined *lines* of one run as one layer."""

    def table() -> tuple[list[int], list[int]]:
        inner, outer, at = [], [], 0
        for start, end in lines:
            inner += [at, at + end - start]
            outer += [start, end]
            at += end - start
        return inner, outer

    text = b"".join([data[start:end] for start, end in lines])
    layer = Layer(decode(text), via, (lines[0][0], lines[-1][1]), table, ratio)
    layer.is_one_line = len(lines) == 1
    return layer


def replace_matches(
    data: bytes, start: int, end: int, found: Iterable[Any], via: str, value: Callable[[Any], bytes | None]
) -> Layer | None:
    """Replace every match *found* in ``data[start:end]`` by `value(match)`.

    If the pattern has a group called `value`, only that group is replaced; a value of
    None leaves the match unchanged. Returns None if nothing was replaced.
    """
    parts: list[bytes] = []
    inner, outer = [0], [start]
    at, size = start, 0
    for match in found:
        new = value(match)
        if new is None:
            continue
        first, last = match.span("value" if "value" in match.re.groupindex else 0)
        parts += [data[at:first], new]
        size += first - at
        inner.append(size)
        outer.append(first)
        size += len(new)
        inner.append(size)
        outer.append(last)
        at = last
    if not parts:
        return None
    parts.append(data[at:end])
    inner.append(size + end - at)
    outer.append(end)
    return Layer(b"".join(parts), via, (start, end), lambda: (inner, outer))
