r"""Inline marks: comments that tell us to ignore a value next to them.

Ours are `leakfirst:allow`, `leakfirst:allow-next-line`, and a block between
`leakfirst:allow-begin` and `leakfirst:allow-end`; each may name the rules that
it covers, as in `leakfirst:allow(aws.*, generic.password)`. Marks of other
tools cover the same lines as in those tools.

Marks are read in the worker, where the bytes are, and only around hits.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

REACH = 4096
"""Bytes searched before and after a value; it bounds the time for a file of one long line."""

_MARK = re.compile(
    rb"leakfirst:allow(-next-line|-begin|-end)?(?![\w-])(?:\(([^()\n]{0,200})\))?"
    rb"|((?:gitleaks|betterleaks):allow)"
    rb"|(trufflehog:ignore)"
    rb"|((?i:kingfisher:ignore))"
    rb"|pragma: ?(allowlist[ -]nextline[ -]secret)"
    rb"|(pragma: ?(?:allow|white)list[ -]secret)"
)
_WORDS = (b"first:allow", b"leaks:allow", b"pragma: ", b"pragma:a", b"pragma:w", b"hog:ignore", b"fisher:ignore")
_PRAGMA_STARTS = (b"#", b"//", b"/*", b"'", b"--", b"<!--")
_BEGIN, _END = b"leakfirst:allow-begin", b"leakfirst:allow-end"


class Mark(NamedTuple):
    """One mark: its byte offset and its text."""

    at: int
    text: str


def may_contain_mark(data: bytes) -> bool:
    """Tell quickly whether *data* may hold any mark."""
    return b":allow" in data or b"pragma:" in data or b":ignore" in data


def find_marks(data: bytes) -> Iterator[Mark]:
    """Yield all marks in *data*, in order; the end of a block is not a mark of its own.

    The words are searched one by one, which is ten times as fast as the expression;
    `kingfisher:ignore` is found in lower case only.
    """
    seen = set()
    for word in _WORDS:
        at = data.find(word)
        while at >= 0:
            found = _MARK.search(data, max(0, at - 16), at + 256)
            if found and found.start() <= at and found[1] != b"-end":
                seen.add((found.start(), found[0]))
            at = data.find(word, at + 1)
    for start, text in sorted(seen):
        yield Mark(start, text.decode("latin-1"))


def find_mark_for(data: bytes, start: int, end: int, path: str = "", rule_id: str = "") -> Mark | None:
    """Return the mark that covers the value at ``data[start:end]``, or None."""
    first, last = find_lines(data, start, end)
    before = data.rfind(b"\n", max(0, first - 1 - REACH), max(0, first - 1)) + 1 or max(0, first - 1 - REACH)
    after = data.find(b"\n", last + 1, last + 1 + REACH)
    after = after if after >= 0 else min(len(data), last + 1 + REACH)
    near = bytes(data[before:after])
    for found in _MARK.finditer(near) if may_contain_mark(near.lower()) else ():
        at = before + found.start()
        line = -1 if at < first else 1 if at >= last else 0
        if _covers(found, line, at >= end, near, path, rule_id):
            return Mark(at, found[0].decode("latin-1"))
    return _find_block(data, start, rule_id)


def _covers(found: re.Match[bytes], line: int, behind: bool, near: bytes, path: str, rule_id: str) -> bool:
    """Tell whether a mark on *line* (-1, 0, 1: relative to the value) covers it."""
    kind, rules, same_line, trufflehog, kingfisher, next_line, pragma = found.groups()
    if found[0].startswith(b"leakfirst"):
        wanted = {None: 0, b"-next-line": -1}.get(kind, 2)
        return line == wanted and _names_rule(rules, rule_id)
    if same_line:
        return line == 0
    if trufflehog:
        return line == 0 and behind
    if kingfisher:
        return True
    head = near[near.rfind(b"\n", 0, found.start()) + 1 : found.start()].rstrip(b" \t")
    starts = (b"#",) if path.endswith(".yaml") else _PRAGMA_STARTS
    if next_line:
        return line == -1 and head.strip() in starts
    return bool(pragma) and line == 0 and head.endswith(starts)


@lru_cache(maxsize=1)
def _list_blocks(data: bytes) -> tuple[list[int], list[int]]:
    """Return where blocks begin and end; cached, since it is asked for each value of a text."""
    return [found.start() for found in re.finditer(_BEGIN, data)], [found.start() for found in re.finditer(_END, data)]


def _find_block(data: bytes, start: int, rule_id: str) -> Mark | None:
    begins, ends = _list_blocks(data)
    number = bisect_right(begins, start - len(_BEGIN)) - 1
    if number < 0:
        return None
    begin = begins[number]
    closing = bisect_left(ends, begin)
    if closing < len(ends) and ends[closing] + len(_END) <= start:
        return None
    found = _MARK.match(data, begin)
    if found is None or not _names_rule(found[2], rule_id):
        return None
    return Mark(begin, found[0].decode("latin-1"))


def _names_rule(rules: bytes | None, rule_id: str) -> bool:
    if rules is None:
        return True
    from fnmatch import fnmatchcase

    globs = (glob.strip() for glob in rules.decode("latin-1").split(","))
    return any(fnmatchcase(rule_id, glob) for glob in globs if glob)


def find_lines(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the byte span of the lines around ``data[start:end]``, cut at `REACH`."""
    first = data.rfind(b"\n", max(0, start - REACH), start) + 1 or max(0, start - REACH)
    last = data.find(b"\n", end, end + REACH)
    return first, last if last >= 0 else min(len(data), end + REACH)


def find_matching(patterns: Sequence[str], data: bytes, start: int, end: int) -> tuple[str, ...]:
    """Return those of *patterns* (``line:…`` or ``match:…``) that match in the line of a value.

    A ``match:`` pattern must also overlap the value. A pattern that exceeds the timeout
    does not match: a value that the allowlist cannot decide about is reported.
    """
    if not patterns:
        return ()
    from detector.ignores.expressions import TIMEOUT, compile_pattern

    first, last = find_lines(data, start, end)
    fit = []
    for pattern in patterns:
        kind, _, expression = pattern.partition(":")
        try:
            for found in compile_pattern(expression).finditer(data, first, last, timeout=TIMEOUT):
                if kind == "line" or (found.start() < end and found.end() > start):
                    fit.append(pattern)
                    break
        except TimeoutError:
            continue
    return tuple(fit)
