"""Which bytes of a version need to be looked at, when those of its base were.

A history stores most objects as a delta: copies from a base, and new bytes.
What the first pass sees depends on nothing but the bytes of the occurrence, so
an occurrence inside a copied range stands in the base too, and what was seen
there can be carried over by arithmetic. Only new bytes and seams are scanned.

Deltas come in git's form, and were applied before they come here. There are a
hundred copies to a delta and most deltas have nothing to carry over, so the
copies are not listed unless they are needed. Typed for mypyc like the loop that
applies deltas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_extensions import i64

Blobs = Sequence[tuple[bytes, str, Any]]
"""Content, path, and how it is stored: something with the fields of a `Stored` version, or None."""

Hits = list[Any]
"""What pass 1 saw: pairs of anchor and end."""

LEAST = 96
"""A copied stretch shorter than this is scanned again: skipping it costs more."""


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
    part: i64 = 0
    while True:
        copied = False
        if i < end:
            byte = delta[i]
            i += 1
            if byte >= 128:
                copied = True
                offset = 0
                length = 0
                if byte & 1:
                    offset = delta[i]
                    i += 1
                if byte & 2:
                    part = delta[i]
                    offset |= part << 8
                    i += 1
                if byte & 4:
                    part = delta[i]
                    offset |= part << 16
                    i += 1
                if byte & 8:
                    part = delta[i]
                    offset |= part << 24
                    i += 1
                if byte & 16:
                    length = delta[i]
                    i += 1
                if byte & 32:
                    part = delta[i]
                    length |= part << 8
                    i += 1
                if byte & 64:
                    part = delta[i]
                    length |= part << 16
                    i += 1
                if length == 0:
                    length = 0x10000
                if offset == stop:
                    stop = offset + length
                    place += length
                    continue
        if stop >= 0:
            low: i64 = first + margin  # at the very start too: in the base something may stand in front
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


def copies(delta: bytes) -> list[int]:
    """Return what *delta* copies, as flat triples: start in the result, start in the base, length."""
    found: list[int] = []
    i: i64 = 0
    end: i64 = len(delta)
    while delta[i] >= 128:
        i += 1
    i += 1
    while delta[i] >= 128:
        i += 1
    i += 1
    place: i64 = 0
    stop: i64 = -1
    while i < end:
        byte: i64 = delta[i]
        i += 1
        if byte < 128:
            place += byte
            i += byte
            stop = -1
            continue
        offset: i64 = 0
        length: i64 = 0
        bit: i64 = 0
        part: i64 = 0
        while bit < 7:
            if byte & (1 << bit):
                part = delta[i]
                i += 1
                if bit < 4:
                    offset |= part << (8 * bit)
                else:
                    length |= part << (8 * (bit - 4))
            bit += 1
        if length == 0:
            length = 0x10000
        if offset == stop:
            found[-1] += length
        else:
            found.append(place)
            found.append(offset)
            found.append(length)
        place += length
        stop = offset + length
    return found


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


def cut(
    data: bytes, ranges: Sequence[int], pieces: list[bytes], starts: list[int], shifts: list[int], at: int, gap: int
) -> int:
    """Append the *ranges* of *data* to *pieces*, and where each will start once they are joined.

    *shifts* take what is added to an offset in the joined text to get one in
    *data*. Returns where the next piece starts; *gap* is the length of the joint.
    """
    i: i64 = 0
    count: i64 = len(ranges)
    place: i64 = at
    joint: i64 = gap
    while i < count:
        start: i64 = ranges[i]
        end: i64 = ranges[i + 1]
        i += 2
        pieces.append(data[start:end])
        starts.append(place)
        shifts.append(start - place)
        place += end - start + joint
    return place


class Versions:
    """What pass 1 saw in the versions that later ones are stored against.

    Objects come depth first, so the base of an object is the last one before
    it with one base less. What is kept is one row of hits for each depth.
    """

    def __init__(self) -> None:
        self._names: list[Any] = []
        self._hits: list[Hits] = []

    def unseen(
        self, blobs: Blobs, reach: int, gap: int
    ) -> tuple[list[bytes], list[int], list[int], list[int], list[bool]]:
        """Return what has to be scanned of *blobs*, and take note of them.

        These are the pieces, for each of them the number of its blob, where it starts once
        they are joined with *gap* bytes between them, and what takes an offset there to one in
        its blob; last, for each blob, whether it is only looked at in part.
        """
        pieces: list[bytes] = []
        owners: list[int] = []
        starts: list[int] = []
        shifts: list[int] = []
        partly: list[bool] = []
        names = self._names
        at = 0
        for number, (data, _, stored) in enumerate(blobs):
            known = False
            if stored is not None:
                depth: int = stored.depth
                while len(names) <= depth:
                    names.append(None)
                    self._hits.append([])
                known = depth > 0 and stored.base is not None and names[depth - 1] == stored.base
                names[depth] = stored.id
            partly.append(known)
            at = cut(data, fresh(stored.delta, reach) if known else [0, len(data)], pieces, starts, shifts, at, gap)
            while len(owners) < len(pieces):
                owners.append(number)
        return pieces, owners, starts, shifts, partly

    def settle(
        self, blobs: Blobs, partly: list[bool], seen: dict[int, Hits], lengths: Sequence[tuple[int, int]]
    ) -> list[tuple[int, Hits]]:
        """Return all hits of each blob that has some, by its number, and remember them.

        *seen* are those of now. Where a blob was only looked at in part, those of its
        base that stand in copies are added.
        """
        found: list[tuple[int, Hits]] = []
        rows = self._hits
        for number, (_, _, stored) in enumerate(blobs):
            hits = seen.get(number, [])
            if stored is not None:
                depth: int = stored.depth
                if partly[number] and rows[depth - 1]:
                    hits = _with_copied(hits, rows[depth - 1], stored.delta, lengths)
                rows[depth] = hits
            if hits:
                found.append((number, hits))
        return found


def _with_copied(hits: Hits, base: Hits, delta: bytes, lengths: Sequence[tuple[int, int]]) -> Hits:
    ends = [hit[1] for hit in base]
    moved = carried(copies(delta), ends, [lengths[hit[0]][1] for hit in base])
    if not moved:
        return hits
    every = set(hits)
    i = 0
    while i < len(moved):
        every.add((base[moved[i]][0], moved[i + 1]))
        i += 2
    return sorted(every)
