r"""Pass 1: one automaton over all bytes says where a rule *may* match.

Hyperscan looks for every anchor of every rule at once, at one to two
gigabytes a second; pyahocorasick does the same job, slower, where Hyperscan
has no wheel. Both fulfil one contract: `scan(data)` lists `(anchor, end)`,
where `end` is an offset just behind an occurrence. They may differ in which
of several ends of a variable tail they report, never in whether a place is
reported: pass 2 looks at a window around it and its results are equal.

What surprised us: reporting start offsets (SOM) halves Hyperscan's speed, and
each callback costs more than scanning a kilobyte. So only ends are reported,
and anchors carry a tail (`ghp_[0-9A-Za-z]{12}`) that makes them rare.

A tail with several bounded repeats becomes a large non-deterministic automaton,
and behind a word like `key` that is slower than all the rest. The same tail with
the bounds left out becomes a deterministic one of a few kilobytes. And a thousand
words (names of services) cost a third of the time even where none occurs, because parts of
them do. So such anchors are looked for by a loose expression first, which many of them
share, and precisely in the bytes in front of each place.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from detector.model import Anchor

_SPECIAL = re.compile(r"(?<!\\)(?:\\\\)*[\[(]|\\[sSdDwWx]")
MAX_ANCHOR = 256
"""Longest occurrence of an anchor in bytes; a tail that may run longer is refused."""

NEAR = 112
"""Bytes that an anchor and its loose expression may span: what is longer does not count. The longest of all anchors is
what pass 1 looks at again on both sides of every change from version to version."""


class AnchorHit(NamedTuple):
    """One place where pass 1 saw an anchor; `end` is the byte offset behind it."""

    anchor: int
    end: int


class Automaton(Protocol):
    """What both engines offer."""

    def scan(self, data: bytes) -> list[AnchorHit]:
        """List all places in *data*, sorted by anchor, then offset."""

    def dump(self) -> bytes:
        """Return bytes from which `load` makes the same automaton quickly."""


def parse_anchor(text: str) -> Anchor:
    r"""Read an anchor as rules write it: a literal, then optionally a tail.

    The literal runs up to the first `[`, `(` or class escape; a leading
    `(?i)` ignores case; `\[`, `\(` and `\\` stand for themselves.

    >>> parse_anchor("ghp_[0-9A-Za-z]{12}")
    Anchor(text=b'ghp_', ignore_case=False, tail='[0-9A-Za-z]{12}')
    """
    if not isinstance(text, str):
        raise TypeError(f"an anchor is a text, not {text!r}")
    ignore_case = text.startswith("(?i)")
    body = text[4:] if ignore_case else text
    special = _SPECIAL.search(body)
    cut = len(body)
    if special:
        cut = special.end() - 1 if body[special.end() - 1] in "[(" else special.start()
    literal, tail = body[:cut], body[cut:]
    literal = re.sub(r"\\(.)", r"\1", literal)
    if len(literal) < 2:
        raise ValueError(f"anchor {text!r} is too short: every byte would be looked at twice")
    anchor = Anchor(literal.encode(), ignore_case, tail)
    lengths(anchor)
    return anchor


def lengths(anchor: Anchor) -> tuple[int, int]:
    """Return the shortest and the longest occurrence of *anchor* in bytes."""
    from re import _parser  # type: ignore[attr-defined]

    try:
        low, high = _parser.parse(anchor.tail.encode()).getwidth()
    except re.error as error:
        raise ValueError(f"the tail of anchor {anchor.text!r} is no valid expression: {error}") from None
    low, high = len(anchor.text) + int(low), len(anchor.text) + int(high)
    if high > MAX_ANCHOR:
        raise ValueError(f"the tail of anchor {anchor.text!r} may run over {MAX_ANCHOR} bytes; bound its repeats")
    return low, NEAR if anchor.loose else high


def expression(anchor: Anchor) -> bytes:
    """Return *anchor* as one regular expression, case flag left out. Hyperscan takes no zero bytes."""
    return re.escape(anchor.text).replace(b"\0", rb"\x00") + anchor.tail.encode()


class HyperscanAutomaton:
    """Pass 1 with Hyperscan. Not shared between threads: it owns its scratch."""

    def __init__(self, database: Any, precise: Any = None) -> None:
        """*precise* knows the anchors that *database* looks for loosely, and their loose expressions by number."""
        self._database = database
        self._precise = precise
        self._ending = lru_cache(maxsize=4096)(self._look)  # the versions of a file repeat their lines

    @classmethod
    def compile(cls, anchors: Sequence[Anchor]) -> HyperscanAutomaton:
        """Build the automaton; about a second for 600 anchors, hence the cache."""
        exact, precise = [], []
        wide: dict[tuple[str, bool], int] = {}
        for index, anchor in enumerate(anchors):
            row = expression(anchor), anchor.ignore_case
            if not anchor.loose:
                exact.append((*row, index))
                continue
            number = wide.setdefault((anchor.loose, anchor.ignore_case), len(wide))
            precise.append((*row, number << _SHIFT | index))
        if not wide:
            return cls(_database(exact))
        loose = [(text.encode(), ignore_case, number << _SHIFT | LOOSE) for (text, ignore_case), number in wide.items()]
        first = [(text, ignore_case, LOOSE) for text, ignore_case, _ in loose]
        return cls(_database([*exact, *first]), _database([*precise, *loose]))

    @classmethod
    def load(cls, dumped: bytes) -> HyperscanAutomaton:
        """Restore a dumped automaton; raises on one made for another processor."""
        import hyperscan

        size = int.from_bytes(dumped[:_SIZE])
        found = []
        for part in (dumped[_SIZE : _SIZE + size], dumped[_SIZE + size :]):
            database = hyperscan.loadb(part, hyperscan.HS_MODE_BLOCK) if part else None
            if database:
                database.scratch = hyperscan.Scratch(database)
            found.append(database)
        return cls(*found)

    def dump(self) -> bytes:
        """Return the serialised databases."""
        import hyperscan

        first = bytes(hyperscan.dumpb(self._database))
        second = bytes(hyperscan.dumpb(self._precise)) if self._precise else b""
        return len(first).to_bytes(_SIZE) + first + second

    def scan(self, data: bytes) -> list[AnchorHit]:
        """List all places in *data*, sorted by anchor, then offset."""
        if not len(data):
            return []
        hits = _places(self._database, data)
        if not hits:
            return []
        hits.sort()
        if hits[-1][0] == LOOSE:
            first = bisect_left(hits, (LOOSE, 0))
            ends = dict.fromkeys(end for _, end in hits[first:])
            del hits[first:]
            for end in ends:
                hits += [(anchor, end) for anchor in self._ending(bytes(data[max(0, end - NEAR) : end]))]
            hits.sort()
        return [AnchorHit(anchor, end) for anchor, end in hits]

    def _look(self, text: bytes) -> tuple[int, ...]:
        """Return the anchors that end where *text* ends, of those that are looked for loosely."""
        seen = {anchor for anchor, at in _places(self._precise, text) if at == len(text)}
        return tuple([anchor & LOOSE for anchor in seen if anchor & LOOSE != LOOSE and anchor | LOOSE in seen])


_SHIFT = 20
LOOSE = (1 << _SHIFT) - 1
"""Reported in place of an anchor where one was seen loosely. The precise database adds the number of the expression in
the bits above, to this as to the anchors."""

_SIZE = 8


def _database(rows: Sequence[tuple[bytes, bool, int]]) -> Any:
    """Compile expressions, whether they ignore case, and what they are reported as."""
    import hyperscan

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[text for text, _, _ in rows],
        ids=[number for _, _, number in rows],
        elements=len(rows),
        flags=[hyperscan.HS_FLAG_CASELESS if ignore_case else 0 for _, ignore_case, _ in rows],
    )
    return database


def _places(database: Any, data: bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    add = found.append

    def seen(anchor: int, _start: int, end: int, _flags: int, _context: object) -> None:
        add((anchor, end))

    database.scan(data, match_event_handler=seen)
    return found


class AhoAutomaton:
    """Pass 1 with pyahocorasick: literals by automaton, tails by `regex`."""

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        import ahocorasick
        import regex

        self._tails = [
            regex.compile(anchor.tail.encode(), regex.IGNORECASE if anchor.ignore_case else 0) if anchor.tail else None
            for anchor in anchors
        ]
        self._loose = [
            regex.compile(rb"(?:%b)\Z" % anchor.loose.encode(), regex.IGNORECASE if anchor.ignore_case else 0)
            if anchor.loose
            else None
            for anchor in anchors
        ]
        self._limits = [NEAR - len(anchor.text) if anchor.loose else MAX_ANCHOR for anchor in anchors]
        self._exact, self._folded = ahocorasick.Automaton(), ahocorasick.Automaton()
        for index, anchor in enumerate(anchors):
            automaton = self._folded if anchor.ignore_case else self._exact
            key = (anchor.text.lower() if anchor.ignore_case else anchor.text).decode("latin-1")
            automaton.add_word(key, [*automaton.get(key, []), index])
        for automaton in (self._exact, self._folded):
            automaton.make_automaton()

    def dump(self) -> bytes:
        """Return nothing: building this automaton is as quick as loading it."""
        return b""

    def scan(self, data: bytes) -> list[AnchorHit]:
        """List all places in *data*, sorted by anchor, then offset."""
        data = bytes(data)
        hits = []
        for automaton, text in ((self._exact, data), (self._folded, data.lower())):
            if not len(automaton):
                continue
            for last, indexes in automaton.iter(text.decode("latin-1")):
                for index in indexes:
                    tail = self._tails[index]
                    if tail is None:
                        hits.append(AnchorHit(index, last + 1))
                    elif found := tail.match(data, last + 1, last + 1 + self._limits[index]):
                        end, loose = found.end(), self._loose[index]
                        if loose is None or loose.search(data, max(0, end - NEAR), end):
                            hits.append(AnchorHit(index, end))
        hits.sort()
        return hits


def best_automaton() -> str:
    """Name the engine for this machine: ``hyperscan`` where it can be imported."""
    try:
        import hyperscan  # noqa: F401
    except ImportError:
        return "ahocorasick"
    return "hyperscan"


def build(anchors: Sequence[Anchor], engine: str, dumped: bytes = b"") -> Automaton:
    """Make the automaton called *engine*, from its dump when there is one."""
    if engine == "ahocorasick":
        return AhoAutomaton(anchors)
    if dumped:
        return HyperscanAutomaton.load(dumped)
    return HyperscanAutomaton.compile(anchors)
