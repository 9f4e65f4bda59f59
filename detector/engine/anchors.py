r"""Pass 1: one automaton scans all bytes and reports where a rule *may* match.

Hyperscan searches for every anchor of every rule at once, at one to two
gigabytes per second; pyahocorasick does the same more slowly where Hyperscan
has no wheel. Both fulfil one contract: `scan(data)` lists `(anchor, end)`,
where `end` is the offset directly after an occurrence. They may report different
ends of a variable tail, but always the same places: pass 2 searches a window
around each place, and its results are equal.

Reporting start offsets (SOM) halves Hyperscan's speed, and each callback costs
more than scanning a kilobyte. So only ends are reported, and anchors have a tail
(`ghp_[0-9A-Za-z]{12}`) that makes them rare.

A tail with several bounded repeats becomes a large non-deterministic automaton;
after a frequent word such as `key` it is slower than all other anchors together.
Without the bounds it becomes a deterministic one of a few kilobytes. And a thousand
words (names of services) take a third of the time even where none occurs, because parts of
them do. So such anchors have a loose expression, which many of them share: it is searched
for first, and the precise anchor only in the bytes that end at each loose match.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from detector.model import Anchor

_TAIL_START = re.compile(r"(?<!\\)(?:\\\\)*[\[(]|\\[sSdDwWx]")
MAX_ANCHOR = 256
"""Longest occurrence of an anchor in bytes; a tail that may match more is refused."""

MAX_LOOSE_SPAN = 112
"""Bytes that an anchor with a loose expression may span; a longer occurrence is ignored. In a history, pass 1 scans as
many bytes as the longest anchor has again on both sides of every change between versions."""


AnchorHit = tuple[int, int]
"""The index of an anchor, and the offset at which its occurrence ends.

A plain tuple: making one takes a third of the time of a named one, and the garbage collector forgets it.
"""


class Automaton(Protocol):
    """What both backends offer."""

    def scan(self, data: bytes) -> list[AnchorHit]:
        """List all occurrences in *data*, sorted by anchor, then offset."""

    def dump(self) -> bytes:
        """Return bytes from which `build_automaton` restores the same automaton quickly."""


def parse_anchor(text: str) -> Anchor:
    r"""Parse an anchor as rule files write it: a literal, then optionally a tail.

    The literal runs up to the first `[`, `(` or class escape; a leading
    `(?i)` ignores case; `\[`, `\(` and `\\` are literal.

    >>> parse_anchor("ghp_[0-9A-Za-z]{12}")
    Anchor(text=b'ghp_', ignore_case=False, tail='[0-9A-Za-z]{12}', loose='')
    """
    if not isinstance(text, str):
        raise TypeError(f"an anchor is a string, not {text!r}")
    ignore_case = text.startswith("(?i)")
    body = text[4:] if ignore_case else text
    special = _TAIL_START.search(body)
    cut = len(body)
    if special:
        cut = special.end() - 1 if body[special.end() - 1] in "[(" else special.start()
    literal, tail = body[:cut], body[cut:]
    literal = re.sub(r"\\(.)", r"\1", literal)
    if len(literal) < 2:
        raise ValueError(f"anchor {text!r} is too short: its literal needs two characters")
    anchor = Anchor(literal.encode(), ignore_case, tail)
    length_range(anchor)
    return anchor


def length_range(anchor: Anchor) -> tuple[int, int]:
    """Return the shortest and the longest occurrence of *anchor* in bytes. Raises `ValueError`."""
    from re import _parser  # type: ignore[attr-defined]

    try:
        low, high = _parser.parse(anchor.tail.encode()).getwidth()
    except re.error as error:
        raise ValueError(f"the tail of anchor {anchor.text!r} is not a valid expression: {error}") from None
    low, high = len(anchor.text) + int(low), len(anchor.text) + int(high)
    if high > MAX_ANCHOR:
        raise ValueError(
            f"the tail of anchor {anchor.text!r} may match more than {MAX_ANCHOR} bytes; bound its repeats"
        )
    return low, MAX_LOOSE_SPAN if anchor.loose else high


def build_expression(anchor: Anchor) -> bytes:
    """Return *anchor* as one regular expression without its case flag. Hyperscan accepts no zero bytes."""
    return re.escape(anchor.text).replace(b"\0", rb"\x00") + anchor.tail.encode()


class HyperscanAutomaton:
    """Pass 1 with Hyperscan. Threads cannot share it: it owns its scratch space."""

    def __init__(self, database: Any, precise: Any = None) -> None:
        """*precise* is the database of the anchors that *database* finds by their loose expressions only."""
        self._database = database
        self._precise = precise
        self._cached_precise = lru_cache(maxsize=4096)(self._find_precise)  # versions repeat lines

    @classmethod
    def compile(cls, anchors: Sequence[Anchor]) -> HyperscanAutomaton:
        """Compile the automaton; 600 anchors take about a second."""
        exact, precise = [], []
        wide: dict[tuple[str, bool], int] = {}
        for index, anchor in enumerate(anchors):
            row = build_expression(anchor), anchor.ignore_case
            if not anchor.loose:
                exact.append((*row, index))
                continue
            number = wide.setdefault((anchor.loose, anchor.ignore_case), len(wide))
            precise.append((*row, number << _INDEX_BITS | index))
        if not wide:
            return cls(_compile_database(exact))
        loose = [
            (text.encode(), ignore_case, number << _INDEX_BITS | LOOSE_MATCH)
            for (text, ignore_case), number in wide.items()
        ]
        first = [(text, ignore_case, LOOSE_MATCH) for text, ignore_case, _ in loose]
        return cls(_compile_database([*exact, *first]), _compile_database([*precise, *loose]))

    @classmethod
    def load(cls, dumped: bytes) -> HyperscanAutomaton:
        """Restore a dumped automaton; raises on one that was made for another processor."""
        import hyperscan

        size = int.from_bytes(dumped[:_LENGTH_BYTES])
        found = []
        for part in (dumped[_LENGTH_BYTES : _LENGTH_BYTES + size], dumped[_LENGTH_BYTES + size :]):
            database = hyperscan.loadb(part, hyperscan.HS_MODE_BLOCK) if part else None
            if database:
                database.scratch = hyperscan.Scratch(database)
            found.append(database)
        return cls(*found)

    def dump(self) -> bytes:
        """Return the serialized databases."""
        import hyperscan

        first = bytes(hyperscan.dumpb(self._database))
        second = bytes(hyperscan.dumpb(self._precise)) if self._precise else b""
        return len(first).to_bytes(_LENGTH_BYTES) + first + second

    def scan(self, data: bytes) -> list[AnchorHit]:
        """List all occurrences in *data*, sorted by anchor, then offset."""
        if not len(data):
            return []
        hits = _scan_database(self._database, data)
        if not hits:
            return []
        hits.sort()
        if hits[-1][0] == LOOSE_MATCH:
            first = bisect_left(hits, (LOOSE_MATCH, 0))
            ends = dict.fromkeys(end for _, end in hits[first:])
            del hits[first:]
            for end in ends:
                hits += [
                    (anchor, end) for anchor in self._cached_precise(bytes(data[max(0, end - MAX_LOOSE_SPAN) : end]))
                ]
            hits.sort()
        return hits

    def _find_precise(self, text: bytes) -> tuple[int, ...]:
        """Return the anchors with a loose expression that end where *text* ends."""
        found = {anchor for anchor, at in _scan_database(self._precise, text) if at == len(text)}
        anchors = [anchor for anchor in found if anchor & LOOSE_MATCH != LOOSE_MATCH]
        return tuple([anchor & LOOSE_MATCH for anchor in anchors if anchor | LOOSE_MATCH in found])


_INDEX_BITS = 20
LOOSE_MATCH = (1 << _INDEX_BITS) - 1
"""Reported in place of an anchor where a loose expression matched. In the precise database the bits above hold the
number of the loose expression, both for the expression itself and for its anchors."""

_LENGTH_BYTES = 8


def _compile_database(rows: Sequence[tuple[bytes, bool, int]]) -> Any:
    """Compile *rows*: expression, whether it ignores case, the number that it is reported as."""
    import hyperscan

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[text for text, _, _ in rows],
        ids=[number for _, _, number in rows],
        elements=len(rows),
        flags=[hyperscan.HS_FLAG_CASELESS if ignore_case else 0 for _, ignore_case, _ in rows],
    )
    return database


def _scan_database(database: Any, data: bytes) -> list[AnchorHit]:
    found: list[AnchorHit] = []
    add = found.append

    def on_match(anchor: int, _start: int, end: int, _flags: int, _context: object) -> None:
        add((anchor, end))

    database.scan(data, match_event_handler=on_match)
    return found


@lru_cache(maxsize=4096)
def _compile_tail(expression: str, ignore_case: bool) -> Any:
    import regex

    return regex.compile(expression.encode(), regex.IGNORECASE if ignore_case else 0)


@lru_cache(maxsize=4096)
def _compile_loose(expression: str, ignore_case: bool) -> Any:
    return _compile_tail(rf"(?:{expression})\Z", ignore_case)


class AhoCorasickAutomaton:
    """Pass 1 with pyahocorasick: literals by the automaton, tails by `regex`, compiled when first used."""

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        import ahocorasick

        self._anchors = tuple(anchors)
        self._limits = [MAX_LOOSE_SPAN - len(anchor.text) if anchor.loose else MAX_ANCHOR for anchor in anchors]
        self._exact, self._folded = ahocorasick.Automaton(), ahocorasick.Automaton()
        for index, anchor in enumerate(anchors):
            automaton = self._folded if anchor.ignore_case else self._exact
            key = (anchor.text.lower() if anchor.ignore_case else anchor.text).decode("latin-1")
            automaton.add_word(key, [*automaton.get(key, []), index])
        for automaton in (self._exact, self._folded):
            automaton.make_automaton()

    def dump(self) -> bytes:
        """Return nothing: building this automaton is as fast as loading it."""
        return b""

    def scan(self, data: bytes) -> list[AnchorHit]:
        """List all occurrences in *data*, sorted by anchor, then offset."""
        data = bytes(data)
        hits = []
        for automaton, text in ((self._exact, data), (self._folded, data.lower())):
            if not len(automaton):
                continue
            for last, indexes in automaton.iter(text.decode("latin-1")):
                for index in indexes:
                    _, ignore_case, tail, loose = self._anchors[index]
                    if not tail:
                        hits.append((index, last + 1))
                        continue
                    found = _compile_tail(tail, ignore_case).match(data, last + 1, last + 1 + self._limits[index])
                    if not found:
                        continue
                    end = found.end()
                    if not loose or _compile_loose(loose, ignore_case).search(data, max(0, end - MAX_LOOSE_SPAN), end):
                        hits.append((index, end))
        return sorted(set(hits))  # two occurrences of a text may share one tail


def choose_backend() -> str:
    """Return the backend for this machine: ``hyperscan`` where it can be imported, else ``ahocorasick``."""
    try:
        import hyperscan  # noqa: F401
    except ImportError:
        return "ahocorasick"
    return "hyperscan"


def build_automaton(anchors: Sequence[Anchor], engine: str, dumped: bytes = b"") -> Automaton:
    """Make the automaton of the backend *engine*, from *dumped* if that is not empty."""
    if engine == "ahocorasick":
        return AhoCorasickAutomaton(anchors)
    if dumped:
        return HyperscanAutomaton.load(dumped)
    return HyperscanAutomaton.compile(anchors)
