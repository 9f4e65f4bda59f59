"""Judge the surroundings of a hit once, in however many versions they stand.

The versions of a file repeat nearly all of their lines, and to judge the places of
one takes many times as long as to recognise them. What comes of a hit depends on
the text around it, as far as its rules and decoders reach. So the hits of a text are
judged in cuts that hold all of that, and what was said of a cut is kept for a while.

A cut is judged as if there were nothing else, whether it was met before or not:
what is remembered can never change a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

Places = Sequence[tuple[int, int]]
"""What pass 1 saw: pairs of anchor and end."""

FAR = 1 << 60
"""As a reach: what comes of the hit may depend on the whole text."""

LONGEST = 64 << 10
"""Bytes of a cut that is worth being kept."""

KEPT = 8 << 20
"""Bytes of all cuts that are kept at a time."""


class Cut(NamedTuple):
    """A part of a text with the hits in it, whose ends count from its *start*."""

    start: int
    text: bytes
    hits: tuple[tuple[int, int], ...]


def cuts(data: bytes, hits: Places, reaches: Mapping[int, tuple[int, int]]) -> Iterator[Cut]:
    """Divide *data* around *hits*; *reaches* says how far to take in, in front of an end and behind it.

    Cuts neither overlap nor touch, and come in order of their place.
    """
    found: list[tuple[int, int, list[tuple[int, int]]]] = []
    start, stop = FAR, -1
    group: list[tuple[int, int]] = []
    for hit in sorted(hits, key=_END):
        before, after = reaches[hit[0]]
        low, high = hit[1] - before, hit[1] + after
        if low > stop and group:
            found.append((start, stop, group))
            start, stop, group = low, high, [hit]
            continue
        while found and low <= found[-1][1]:
            start, _, earlier = found.pop()
            group = earlier + group
        group.append(hit)
        start, stop = min(start, low), max(stop, high)
    found.append((start, stop, group))
    for start, stop, group in found:
        start = max(0, start)
        yield Cut(start, bytes(data[start:stop]), tuple([(anchor, end - start) for anchor, end in group]))


_END = itemgetter(1)


class Reaches(dict[int, tuple[int, int]]):
    """How far to look around the hits of each anchor, worked out when it is first met."""

    def __init__(self, around: Callable[[int], tuple[int, int]]) -> None:
        super().__init__()
        self._around = around

    def __missing__(self, anchor: int) -> tuple[int, int]:
        reach = self[anchor] = self._around(anchor)
        return reach


class Repeats:
    """What was said of the latest cuts."""

    def __init__(self) -> None:
        self._said: dict[tuple[bytes, str, tuple[tuple[int, int], ...]], Any] = {}
        self._held = 0

    def said(self, cut: Cut, path: str, judge: Callable[[bytes, str, Places], Any]) -> Any:
        """Return ``judge(text, path, hits)`` of *cut*, remembered or new."""
        if len(cut.text) > LONGEST:
            return judge(cut.text, path, cut.hits)
        name = cut.text, path, cut.hits
        found = self._said.get(name)
        if found is None:
            if self._held > KEPT:
                self._said.clear()
                self._held = 0
            found = self._said[name] = judge(cut.text, path, cut.hits)
            self._held += len(cut.text)
        return found
