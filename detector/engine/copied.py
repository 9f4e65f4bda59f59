"""Which bytes of a version need to be looked at, when those of its base were.

A history stores most objects as a delta: copies from a base, and new bytes.
What the first pass sees depends on nothing but the bytes of the occurrence, so
an occurrence inside a copied range stands in the base too, and what was seen
there can be carried over by arithmetic. Only new bytes and seams are scanned.

Deltas come in git's form, and were applied before they come here. There are a
hundred copies to a delta, so none of them becomes an object. Typed for mypyc like the loop that
applies deltas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from detector.stored import Stored

if TYPE_CHECKING:
    from mypy_extensions import i64

Blobs = Sequence[tuple[bytes, str, Stored | None]]
"""Content, path, and how it is stored, if it is a version of others."""

Hits = list[Any]
"""What pass 1 saw: pairs of anchor and end."""

LEAST = 96
"""A copied stretch shorter than this is scanned again: skipping it costs more."""


def _copy(delta: bytes, at: i64, head: i64) -> tuple[i64, i64, i64]:
    """Read the fields of a copy behind its *head*; return where the next instruction stands, offset and length."""
    i: i64 = at
    offset: i64 = 0
    length: i64 = 0
    part: i64 = 0
    if head & 1:
        offset = delta[i]
        i += 1
    if head & 2:
        part = delta[i]
        offset |= part << 8
        i += 1
    if head & 4:
        part = delta[i]
        offset |= part << 16
        i += 1
    if head & 8:
        part = delta[i]
        offset |= part << 24
        i += 1
    if head & 16:
        length = delta[i]
        i += 1
    if head & 32:
        part = delta[i]
        length |= part << 8
        i += 1
    if head & 64:
        part = delta[i]
        length |= part << 16
        i += 1
    if length == 0:
        length = 0x10000
    return i, offset, length


def fresh(delta: bytes, reach: int) -> list[int]:
    """Return flat pairs of start and end: what must be scanned of the result of *delta*.

    An occurrence of at most *reach* bytes lies either within one of these
    ranges or within one copy.
    """
    ranges: list[int] = []
    margin: i64 = reach
    least: i64 = LEAST
    i: i64 = 0
    end: i64 = len(delta)
    while delta[i] >= 128:
        i += 1
    i += 1
    whole: i64 = 0
    shift: i64 = 0
    byte: i64 = 128
    while byte >= 128:
        byte = delta[i]
        i += 1
        whole |= (byte & 127) << shift
        shift += 7

    settled: i64 = 0  # everything in front of this is in `ranges` or in a copy
    place: i64 = 0  # where in the result we are
    first: i64 = 0  # where in the result the present copy begins
    stop: i64 = -1  # where in the base it ends so far; -1: there is none
    offset: i64 = 0
    length: i64 = 0
    while True:
        copied = False
        if i < end:
            byte = delta[i]
            i += 1
            if byte >= 128:
                copied = True
                i, offset, length = _copy(delta, i, byte)
                if offset == stop:
                    stop = offset + length
                    place += length
                    continue
        if stop >= 0:
            low: i64 = first + margin
            if first == 0 and stop == place:
                low = 0  # both texts begin with it: nothing stands in front, here or there
            high: i64 = place - margin
            if place >= whole:
                high = whole
            if high - low >= least:
                if low > settled:
                    ranges.append(settled)
                    ranges.append(low)
                settled = high
            stop = -1
        if copied:
            first = place
            stop = offset + length
            place += length
        elif place < whole and i < end:
            place += byte
            i += byte
        else:
            break
    if settled < whole:
        ranges.append(settled)
        ranges.append(whole)
    return ranges


def carried(delta: bytes, ends: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Carry occurrences in the base over: flat pairs of their index and their new end.

    *ends* are offsets in the base behind occurrences of at most the given *lengths*, in
    order. One that no copy of *delta* holds whole is left out; one that several hold comes several times.
    """
    found: list[int] = []
    i: i64 = 0
    finish: i64 = len(delta)
    many: i64 = len(ends)
    while delta[i] >= 128:
        i += 1
    i += 1
    while delta[i] >= 128:
        i += 1
    i += 1
    place: i64 = 0  # where in the result we are
    first: i64 = 0  # where in the result the present copy begins, and in the base
    start: i64 = 0
    stop: i64 = -1  # where in the base it ends so far; -1: there is none
    while True:
        offset: i64 = -1
        length: i64 = 0
        if i < finish:
            byte: i64 = delta[i]
            i += 1
            if byte < 128:
                length = byte
                i += byte
            else:
                i, offset, length = _copy(delta, i, byte)
                if offset == stop:
                    stop += length
                    place += length
                    continue
        if stop >= 0:
            low: i64 = 0
            high: i64 = many
            while low < high:
                middle: i64 = (low + high) >> 1
                if ends[middle] <= start:
                    low = middle + 1
                else:
                    high = middle
            while low < many:
                last: i64 = ends[low]
                if last > stop:
                    break
                longest: i64 = lengths[low]
                if start == 0 or last - longest >= start:
                    found.append(low)
                    found.append(last - start + first)
                low += 1
            stop = -1
        if length == 0:
            break
        if offset >= 0:
            first = place
            start = offset
            stop = offset + length
        place += length
    return found


def placed(
    hits: Hits, starts: Sequence[int], ranges: Sequence[Sequence[int]], lengths: Sequence[tuple[int, int]], gap: int
) -> dict[int, Hits]:
    """Say where *hits* in joined pieces stand in the blobs that these are *ranges* of, by the number of the blob.

    *starts* are where the first piece of each blob begins. A hit that needs bytes from before its piece is none.
    """
    found: dict[int, Hits] = {}
    count: i64 = len(starts)
    joint: i64 = gap
    for anchor, behind in hits:
        end: i64 = behind
        low: i64 = 0
        high: i64 = count
        while low < high:
            middle: i64 = (low + high) >> 1
            if starts[middle] < end:
                low = middle + 1
            else:
                high = middle
        number: i64 = low - 1
        at: i64 = starts[number]
        those = ranges[number]
        i: i64 = 0
        pairs: i64 = len(those)
        while i < pairs:
            first: i64 = those[i]
            size: i64 = those[i + 1] - first
            i += 2
            if end <= at + size:
                shortest: i64 = lengths[anchor][0]
                if end - at >= shortest:
                    found.setdefault(number, []).append((anchor, end - at + first))
                break
            at += size + joint
    return found


_NONE: Hits = []


class Versions:
    """What pass 1 saw in the versions that later ones are stored against.

    Objects come depth first, so the base of an object is the last one before
    it with one base less. What is kept is one row of hits for each depth.
    """

    def __init__(self) -> None:
        self._names: list[Any] = []
        self._hits: list[Hits] = []

    def unseen(self, blobs: Blobs, reach: int, gap: int) -> tuple[list[bytes], list[int], list[list[int]], list[bool]]:
        """Return what has to be scanned of *blobs*, and take note of them.

        These are the pieces, where the first of each blob starts once they are joined with *gap* bytes
        between them, flat pairs of where the pieces of each blob start and end in it, and
        whether it is only looked at in part.
        """
        pieces: list[bytes] = []
        starts: list[int] = []
        ranges: list[list[int]] = []
        partly: list[bool] = []
        names = self._names
        at: i64 = 0
        joint: i64 = gap
        for data, _, stored in blobs:
            known = False
            if stored is not None:
                depth: i64 = stored.depth
                while len(names) <= depth:
                    names.append(None)
                    self._hits.append(_NONE)
                if depth > 0:
                    base = stored.base
                    known = base is not None and names[depth - 1] == base
                names[depth] = stored.id
            partly.append(known)
            starts.append(at)
            if stored is None or not known:
                pieces.append(data)
                ranges.append([0, len(data)])
                at += len(data) + joint
                continue
            these = fresh(stored.delta, reach)
            ranges.append(these)
            i: i64 = 0
            count: i64 = len(these)
            while i < count:
                start: i64 = these[i]
                end: i64 = these[i + 1]
                i += 2
                pieces.append(data[start:end])
                at += end - start + joint
        return pieces, starts, ranges, partly

    def settle(
        self, blobs: Blobs, partly: list[bool], seen: dict[int, Hits], lengths: Sequence[tuple[int, int]]
    ) -> list[tuple[int, Hits]]:
        """Return all hits of each blob that has some, by its number, and remember them.

        *seen* are those of now. Where a blob was only looked at in part, those of its
        base that stand in copies are added.
        """
        found: list[tuple[int, Hits]] = []
        rows = self._hits
        number = -1
        for _, _, stored in blobs:
            number += 1
            hits = seen.get(number, _NONE)
            if stored is not None:
                depth: i64 = stored.depth
                if partly[number] and rows[depth - 1]:
                    hits = _with_copied(hits, rows[depth - 1], stored.delta, lengths)
                rows[depth] = hits
            if hits:
                found.append((number, hits))
        return found


def _with_copied(hits: Hits, base: Hits, delta: bytes, lengths: Sequence[tuple[int, int]]) -> Hits:
    order = sorted([(end, anchor) for anchor, end in base])
    moved = carried(delta, [end for end, _ in order], [lengths[anchor][1] for _, anchor in order])
    if not moved:
        return hits
    every = list(hits)
    i: i64 = 0
    count: i64 = len(moved)
    while i < count:
        at: i64 = moved[i]
        every.append((order[at][1], moved[i + 1]))
        i += 2
    return sorted(set(every)) if hits else sorted(every)
