"""One step down: decoded bytes, and where each of them stands in the text outside.

A decoder changes lengths: four characters become three bytes, six become one,
line breaks vanish. What is found inside must still be pointed at outside, so a
layer keeps a small table of pieces and walks back through it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Layer:
    """Decoded `data`, and the way back to the text that it was decoded from.

    `span` is what was decoded. `table` gives two lists, where pieces begin
    inside and outside, each with the end of the last piece as its last entry;
    within a piece places are in proportion. A piece that was left out (a line
    break) has no length inside. `ratio` turns offsets into `data` into those
    of the pieces: (4, 3) for base64. Without a table everything points at the
    whole span: nothing inside of compressed data has a place of its own.
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

    @cached_property
    def _table(self) -> tuple[Sequence[int], Sequence[int]]:
        assert self._make_table
        return self._make_table()

    def outside(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the outer text that holds ``data[start:end]``."""
        if self._make_table is None:
            return self.span
        inner, _ = self._table
        times, parts = self.ratio
        first, last = start * times // parts, min(-(-end * times // parts), inner[-1])
        at = min(bisect_right(inner, first) - 1, len(inner) - 2)
        until = max(bisect_left(inner, last) - 1, 0)
        return self._along(at, first, 0), self._along(until, last, 1)

    def index(self, place: int) -> int:
        """Return which character of the run stands at *place* outside; line breaks do not count."""
        inner, outer = self._table
        piece = min(bisect_right(outer, place) - 1, len(outer) - 2)
        return inner[piece] + place - outer[piece]

    def _along(self, piece: int, place: int, up: int) -> int:
        inner, outer = self._table
        inside = inner[piece + 1] - inner[piece]
        outside = outer[piece + 1] - outer[piece]
        steps = (place - inner[piece]) * outside
        if inside == 0:
            return outer[piece + up]
        return outer[piece] + (-(-steps // inside) if up else steps // inside)


class Parts(Generic[T]):
    """What was made of parts of a text, found again by a place in it.

    There may be tens of thousands. Parts do not overlap, but the same part may be there in `VARIANTS`.
    """

    VARIANTS = 8

    def __init__(self) -> None:
        self._spans: list[tuple[int, int, int]] = []
        self._made: list[T] = []

    def add(self, start: int, end: int, made: T) -> None:
        """Add what was made of ``start:end``."""
        insort(self._spans, (start, end, len(self._made)))
        self._made.append(made)

    def around(self, place: int) -> Iterator[T]:
        """Yield what was made of the part that holds *place*."""
        at = bisect_left(self._spans, (place + 1,))
        for _, end, number in reversed(self._spans[max(0, at - self.VARIANTS) : at]):
            if place < end:
                yield self._made[number]


def joined(
    data: bytes, lines: Sequence[tuple[int, int]], via: str, decode: Callable[[bytes], bytes], ratio: tuple[int, int]
) -> Layer:
    """Decode the *lines* of one run, put together, as one layer."""

    def table() -> tuple[list[int], list[int]]:
        inner, outer, at = [], [], 0
        for start, end in lines:
            inner += [at, at + end - start]
            outer += [start, end]
            at += end - start
        return inner, outer

    text = b"".join([data[start:end] for start, end in lines])
    return Layer(decode(text), via, (lines[0][0], lines[-1][1]), table, ratio)


def replaced(
    data: bytes, start: int, end: int, found: Iterable[Any], via: str, value: Callable[[Any], bytes | None]
) -> Layer | None:
    """Put `value(match)` in place of every match *found* in ``data[start:end]``.

    A match with a group called `value` is replaced there alone; a value of
    None leaves it as it is. Returns None when nothing was replaced.
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
