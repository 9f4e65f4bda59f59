"""Pass 2: search a small window around each occurrence of an anchor.

The precise pattern of a rule runs here, with a timeout, on a few hundred
bytes. Overlapping windows of one rule are merged. Patterns are compiled on
first use: compiling all of them takes longer than scanning a commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from detector.engine.plausibility import entropy
from detector.model import Companion, Rule

TIMEOUT = 0.5
"""Seconds that one pattern may spend on one window."""

FIRST_NONEMPTY = -1
"""Value of `Rule.group`: the first group that is not empty."""

MAX_OVERRUN = 4096
"""Bytes after a window into which a match at its end may extend."""

MAX_WINDOW = 1 << 20
"""Windows are merged up to this many bytes, so one timeout covers no more."""


class Match(NamedTuple):
    """A match of a pattern and the secret within it; byte offsets."""

    start: int
    end: int
    secret_start: int
    secret_end: int


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Any:
    """Compile *pattern* for bytes; the result is cached."""
    import regex

    return regex.compile(pattern.encode())


def merge_windows(places: Iterable[tuple[int, int]], before: int, after: int, size: int) -> Iterator[tuple[int, int]]:
    """Merge *places*, the sorted ``(earliest start, latest start)`` of anchors, into windows to search.

    Windows do not overlap and stay within *size*.
    """
    start = end = -1
    for low, high in places:
        left, right = max(0, low - before), min(size, high + after)
        if start >= 0 and left <= end and right - start <= MAX_WINDOW:
            end = max(end, right)
            continue
        if start >= 0:
            yield start, end
        start, end = left, right
    if start >= 0:
        yield start, end


def find_matches(rule: Rule, data: bytes, start: int, end: int, beyond: int = MAX_OVERRUN) -> Iterator[Match]:
    """Find the pattern of *rule* in ``data[start:end]``.

    A match that touches the end of the window is matched again with *beyond* more
    bytes, so that a window never cuts a longer token. Raises `TimeoutError`.
    """
    pattern = compile_pattern(rule.pattern)
    size = len(data)
    at = start
    while found := pattern.search(data, at, end, timeout=TIMEOUT):
        if found.end() == end < size:
            found = pattern.match(data, found.start(), min(size, end + beyond), timeout=TIMEOUT)
            if not found:
                return
        first, last = found.span(rule.group if rule.group != FIRST_NONEMPTY else _first_nonempty_group(found))
        if first >= 0 and last > first:
            yield Match(found.start(), found.end(), first, last)
        at = max(found.end(), at + 1)
        if at >= end:
            return


def _first_nonempty_group(found: Any) -> int:
    """Return the number of the first group that is not empty, else 0 for the whole match."""
    spans = found.regs
    return next((number for number in range(1, len(spans)) if spans[number][1] > spans[number][0]), 0)


def find_companion(part: Companion, data: bytes, match: Match) -> tuple[int, int] | None:
    """Find the nearest span of *part* around *match*, not overlapping its secret.

    Raises `TimeoutError`.
    """
    pattern = compile_pattern(part.pattern)
    low = max(0, match.secret_start - part.within)
    high = min(len(data), match.secret_end + part.within)
    group = 1 if pattern.groups else 0
    near = []
    for found in pattern.finditer(data, low, high, timeout=TIMEOUT):
        first, last = found.span(group)
        if first < 0 or (first < match.secret_end and last > match.secret_start):
            continue
        if last == high < len(data) and _continues_at(data, last):
            continue
        distance = first - match.secret_end if first >= match.secret_end else match.secret_start - last
        near.append((distance, first, last, found.start()))
    for _, first, last, start in sorted(near):
        if 0 <= part.lines < _count_lines_between(data, start, match.start):
            continue
        if part.min_entropy and entropy(bytes(data[first:last])) < part.min_entropy:
            continue
        return first, last
    return None


def _count_lines_between(data: bytes, one: int, other: int) -> int:
    return bytes(data[min(one, other) : max(one, other)]).count(b"\n")


def _continues_at(data: bytes, at: int) -> bool:
    return bytes(data[at : at + 1]).isalnum()
