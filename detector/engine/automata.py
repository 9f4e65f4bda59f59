"""Automata made of others: one that is compiled when that pays, and several that count as one.

Hyperscan scans forty times as fast as pyahocorasick, but compiling its databases takes
as long as pyahocorasick needs for some megabytes. And the anchors of a pack
may be spread over a ready automaton, some of whose anchors are not wanted, and a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from detector.engine.anchors import AhoCorasickAutomaton, AnchorHit, Automaton
from detector.model import Anchor

BYTES_PER_ANCHOR = 900
"""Below this many bytes per anchor the slower automaton is done before the faster one is compiled."""

MIN_BYTES = 1 << 20


def is_worth_compiling(size: int, anchors: int) -> bool:
    """Return whether compiling *anchors* for Hyperscan pays for *size* bytes."""
    return size > max(MIN_BYTES, BYTES_PER_ANCHOR * anchors)


class DeferredAutomaton:
    """Searches for *anchors* with pyahocorasick, and with what *compile* returns once so much was scanned that it pays.

    If *compile* raises, pyahocorasick does the rest: it takes longer and finds the same.
    """

    def __init__(self, anchors: Sequence[Anchor], compile: Callable[[], Automaton]) -> None:
        self._anchors = anchors
        self._compile: Callable[[], Automaton] | None = compile
        self._automaton: Automaton | None = None
        self._scanned = 0

    def scan(self, data: bytes) -> list[AnchorHit]:
        """List all occurrences in *data*, sorted by anchor, then offset."""
        self._scanned += len(data)
        if self._compile and is_worth_compiling(self._scanned, len(self._anchors)):
            try:
                self._automaton = self._compile()
            except Exception:  # whatever the library does not like, the other one does the work
                self._automaton = self._automaton or AhoCorasickAutomaton(self._anchors)
            self._compile = None
        if self._automaton is None:
            self._automaton = AhoCorasickAutomaton(self._anchors)
        return self._automaton.scan(data)

    def dump(self) -> bytes:
        """Return nothing: there may be nothing yet that is worth storing."""
        return b""


class RenumberedAutomaton:
    """Several automata as one that reports other numbers for their anchors."""

    def __init__(self, parts: Sequence[tuple[Automaton, Sequence[int]]]) -> None:
        """Each part comes with the numbers to report for its anchors; what has a negative one is not reported."""
        self._parts = parts

    def scan(self, data: bytes) -> list[AnchorHit]:
        """List all occurrences in *data*, sorted by anchor, then offset."""
        hits = []
        for automaton, numbers in self._parts:
            for anchor, end in automaton.scan(data):
                number = numbers[anchor]
                if number >= 0:
                    hits.append((number, end))
        hits.sort()
        return hits

    def dump(self) -> bytes:
        """Return nothing: the parts are stored, not the whole."""
        return b""
