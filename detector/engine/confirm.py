"""Pass 2: search a small window around each occurrence of an anchor.

The precise pattern of a rule runs here, with a timeout, on a few hundred
bytes. Overlapping windows of one rule are merged. Patterns are compiled on
first use: compiling all of them takes longer than scanning a commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from detector.engine.plausibility import entropy
from detector.model import Companion, Rule

TIMEOUT = 0.5
"""Seconds that one pattern may spend on one window."""

FIRST_NONEMPTY = -1
"""Value of `Rule.group`: the first group that is not empty."""

MAX_PARTNERS = 3
"""How many values may be taken for the other part of a credential, to be tried in turn."""

_NAME_REACH = 160
"""Bytes before a value in which its name is looked for."""

_NAME = re.compile(
    rb"(?:([A-Za-z][\w.$-]{0,80})[\"'`\])]{0,2}\s{0,8}[:=>]|(\w+[_-][\w-]{1,80}))[>=\s]{0,8}[\"'`(\[]{0,3}$"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECTION = re.compile(rb"\s*\[[^\]]+\]\s*$|---\s*$")
_BRACKETS_ONLY = re.compile(rb"[\s{}\[\](),;]*")
_WELL_NAMED = 2
"""How many of the first numbers of a rank must be those of the best partner."""

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


def find_companions(part: Companion, data: bytes, match: Match) -> list[tuple[int, int]]:
    """Find the spans of *part* around *match* that do not overlap its secret, the most likely partner first.

    Names come before distance: in `KEY_ID=…`, `SALT=…`, `SECRET_KEY=…` the secret
    is the third value, although the salt is nearer. Then come the values of the same
    block, those whose name is like the one of *match*, and the nearest. Of a required secret
    part up to `MAX_PARTNERS` that are as well named as the first are returned, of others one.
    Raises `TimeoutError`.
    """
    pattern = compile_pattern(part.pattern)
    low = max(0, match.secret_start - part.within)
    high = min(len(data), match.secret_end + part.within)
    group = 1 if pattern.groups else 0
    near: list[tuple[tuple[int, ...], int, int]] = []
    for found in pattern.finditer(data, low, high, timeout=TIMEOUT):
        first, last = found.span(group)
        if first < 0 or (first < match.secret_end and last > match.secret_start):
            continue
        if last == high < len(data) and _continues_at(data, last):
            continue
        if 0 <= part.lines < _count_lines_between(data, found.start(), match.start):
            continue
        if part.min_entropy and entropy(bytes(data[first:last])) < part.min_entropy:
            continue
        near.append((_rank_partner(part, data, match, low, first, last), first, last))
    if not near:
        return []
    near.sort()
    best = near[0][0][:_WELL_NAMED]
    many = MAX_PARTNERS if part.required and part.secret else 1
    values: dict[bytes, tuple[int, int]] = {}
    for rank, first, last in near:
        if rank[:_WELL_NAMED] == best:
            values.setdefault(bytes(data[first:last]), (first, last))
    return list(values.values())[:many]


def _rank_partner(
    part: Companion, data: bytes, match: Match, low: int, first: int, last: int
) -> tuple[int, int, int, int, int]:
    """Return how likely a span is the partner of *match*; less is more likely."""
    name, own = _read_name(data, low, first), _read_name(data, low, match.secret_start)
    spelled = "".join(sorted(name, key=len))
    common = sum(word in name if len(word) < 3 else word in spelled for word in part.name.split("-"))
    between = data[last : match.secret_start] if first < match.secret_start else data[match.secret_end : first]
    named = 0 if common else 1 if not name else 2
    if not name and b"\n" not in between:
        named = 0  # values side by side in one line, as in a CSV file
    distance = first - match.secret_end if first >= match.secret_end else match.secret_start - last
    blocks = _is_other_block(bytes(between), reverse=first < match.secret_start)
    return (named, int(blocks), -common, -len(name & own), distance)


def _read_name(data: bytes, low: int, at: int) -> frozenset[str]:
    """Return the words of the name that the value at *at* is assigned to; none where it has no name."""
    line = bytes(data[max(low, data.rfind(b"\n", low, at) + 1, at - _NAME_REACH) : at])
    found = _NAME.search(line)
    if not found:
        return frozenset()
    words = _WORD.findall((found[1] or found[2]).decode("ascii", "ignore"))
    return frozenset(word.lower() for word in words)


def _is_other_block(between: bytes, *, reverse: bool) -> bool:
    """Tell whether a section, mapping or object ends between two values that stand around *between*."""
    lines = between.split(b"\n")
    if len(lines) > 1:
        inner = [line for line in lines[1:-1] if line.strip() and not line.lstrip().startswith((b"#", b"//"))]
        if any(_SECTION.match(line) for line in inner):
            return True
        here = len(lines[-1]) - len(lines[-1].lstrip())
        if any(len(line) - len(line.lstrip()) < here for line in inner if not _BRACKETS_ONLY.fullmatch(line)):
            return True
    depth = lowest = 0
    opening, closing = (b"}])", b"{[(") if reverse else (b"{[(", b"}])")
    for byte in reversed(between) if reverse else between:
        depth += (byte in opening) - (byte in closing)
        lowest = min(lowest, depth)
    return lowest < 0 and depth > lowest


def _count_lines_between(data: bytes, one: int, other: int) -> int:
    return bytes(data[min(one, other) : max(one, other)]).count(b"\n")


def _continues_at(data: bytes, at: int) -> bool:
    return bytes(data[at : at + 1]).isalnum()
