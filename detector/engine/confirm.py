"""Pass 2: look at a small window around each place that pass 1 named.

The precise expression of a rule runs here, with a timeout, on a few hundred
bytes. Windows of one rule that overlap are looked at once. Patterns are
compiled when first needed: compiling all of them costs more than scanning a
commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from detector.engine.plausible import entropy
from detector.model import Companion, Rule

TIMEOUT = 0.5
"""Seconds that one expression may spend in one window."""

FIRST = -1
"""As `Rule.group`: the first group that is not empty."""

BEYOND = 4096
"""Bytes behind a window that a match at its edge may run on."""

MERGED = 1 << 20
"""Windows are merged up to this many bytes; one timeout then covers that much at most."""


class Match(NamedTuple):
    """A whole match and the secret within it; byte offsets."""

    start: int
    end: int
    secret_start: int
    secret_end: int


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """Compile *pattern* for bytes, once per process."""
    import regex

    return regex.compile(pattern.encode())


def windows(places: Iterable[tuple[int, int]], before: int, after: int, size: int) -> Iterator[tuple[int, int]]:
    """Merge ``(earliest start, latest start)`` of anchors into windows to look at.

    *places* must be sorted. Windows do not overlap and stay within *size*.
    """
    start = end = -1
    for low, high in places:
        left, right = max(0, low - before), min(size, high + after)
        if start >= 0 and left <= end and right - start <= MERGED:
            end = max(end, right)
            continue
        if start >= 0:
            yield start, end
        start, end = left, right
    if start >= 0:
        yield start, end


def matches(rule: Rule, data: bytes, start: int, end: int, beyond: int = BEYOND) -> Iterator[Match]:
    """Find the pattern of *rule* in ``data[start:end]``.

    A match that touches the edge of the window is looked at again with room
    behind it, so that a window never shortens a token nor makes one of a
    longer one. Raises `TimeoutError`.
    """
    pattern = compiled(rule.pattern)
    size = len(data)
    at = start
    while found := pattern.search(data, at, end, timeout=TIMEOUT):
        if found.end() == end < size:
            found = pattern.match(data, found.start(), min(size, end + beyond), timeout=TIMEOUT)
            if not found:
                return
        first, last = found.span(rule.group if rule.group != FIRST else _first_group(found))
        if first >= 0 and last > first:
            yield Match(found.start(), found.end(), first, last)
        at = max(found.end(), at + 1)
        if at >= end:
            return


def _first_group(found: Any) -> int:
    """Return the number of the first group that is not empty, else 0 for the whole match."""
    spans = found.regs
    return next((number for number in range(1, len(spans)) if spans[number][1] > spans[number][0]), 0)


def companion(part: Companion, data: bytes, match: Match) -> tuple[int, int] | None:
    """Find the nearest span of *part* around *match*, not overlapping its secret.

    Raises `TimeoutError`.
    """
    pattern = compiled(part.pattern)
    low = max(0, match.secret_start - part.within)
    high = min(len(data), match.secret_end + part.within)
    group = 1 if pattern.groups else 0
    near = []
    for found in pattern.finditer(data, low, high, timeout=TIMEOUT):
        first, last = found.span(group)
        if first < 0 or (first < match.secret_end and last > match.secret_start):
            continue
        if last == high < len(data) and _runs_on(data, last):
            continue
        distance = first - match.secret_end if first >= match.secret_end else match.secret_start - last
        near.append((distance, first, last, found.start()))
    for _, first, last, start in sorted(near):
        if 0 <= part.lines < _lines_between(data, start, match.start):
            continue
        if part.min_entropy and entropy(bytes(data[first:last])) < part.min_entropy:
            continue
        return first, last
    return None


def _lines_between(data: bytes, one: int, other: int) -> int:
    return bytes(data[min(one, other) : max(one, other)]).count(b"\n")


def _runs_on(data: bytes, at: int) -> bool:
    return bytes(data[at : at + 1]).isalnum()
