"""Which bytes of a version need to be looked at, when those of its base were.

A history stores most objects as a base and a list of copies from it. What the
first pass sees depends on nothing but the bytes of the occurrence, so an
occurrence inside a copied range stands in the base too, and what was seen there
can be carried over by arithmetic. Only new bytes and the seams are scanned.

Copies are flat triples: start in the version, start in the base, length; in
order of the version, not overlapping. Typed for mypyc like the delta loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import i64

LEAST = 96
"""A copied stretch shorter than this is scanned again: skipping it costs more."""


def fresh(copies: Sequence[int], size: int, reach: int) -> list[int]:
    """Return flat pairs of start and end: what must be scanned of *size* bytes.

    An occurrence of at most *reach* bytes lies either within one of these
    ranges or within one copy.
    """
    ranges: list[int] = []
    whole: i64 = size
    margin: i64 = reach
    least: i64 = LEAST
    at: i64 = 0  # everything in front of this is settled
    i: i64 = 0
    count: i64 = len(copies)
    while i < count:
        first: i64 = copies[i]
        last: i64 = first + copies[i + 2]
        i += 3
        low: i64 = first + margin
        if first == 0:
            low = 0
        high: i64 = last - margin
        if last >= whole:
            high = whole
        if high - low < least:
            continue
        if low > at:
            ranges.append(at)
            ranges.append(low)
        at = high
    if at < whole:
        ranges.append(at)
        ranges.append(whole)
    return ranges


def carried(copies: Sequence[int], ends: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Carry occurrences in the base over: flat pairs of their index and their new end.

    *ends* are offsets in the base behind occurrences of at most the given
    *lengths*. One that no copy holds whole is left out; one that several hold
    comes several times.
    """
    found: list[int] = []
    i: i64 = 0
    count: i64 = len(copies)
    many: i64 = len(ends)
    while i < count:
        first: i64 = copies[i]
        start: i64 = copies[i + 1]
        stop: i64 = start + copies[i + 2]
        i += 3
        k: i64 = 0
        while k < many:
            end: i64 = ends[k]
            if end <= stop:
                length: i64 = lengths[k]
                if end - length >= start:
                    found.append(k)
                    found.append(end - start + first)
            k += 1
    return found
