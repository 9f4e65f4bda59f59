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

from detector.engine.stored import Stored

if TYPE_CHECKING:
    from mypy_extensions import i64

Blobs = Sequence[tuple[bytes, str, Stored | None]]
"""Content, path, and how it is stored, if it is a version of others."""

Hits = list[Any]
"""What pass 1 saw: pairs of anchor and end."""

LEAST = 96
"""A copied stretch shorter than this is scanned again: skipping it costs more."""

WORTH = 400
"""A piece of fewer bytes is scanned again: to know it again would take as long."""

ROOM = 4 << 20
"""Bytes of pieces that are remembered; what comes again does so soon."""


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


_NONE: Hits = []


class Versions:
    """What pass 1 saw in the versions that later ones are stored against, and in the pieces that were scanned.

    Objects come depth first, so the base of an object is the last one before
    it with one base less. What is kept is one row of hits for each depth.

    More than half of the bytes of pieces were met a moment before: versions that are stored against one base
    differ from it in the same places. So each piece is scanned once.
    """

    def __init__(self, worth: int = WORTH, room: int = ROOM) -> None:
        """Pieces of *worth* bytes and more are known again, of *room* bytes in all."""
        self._worth = worth
        self._room = room
        self._names: list[Any] = []
        self._hits: list[Hits] = []
        self._met: dict[bytes, Any] = {}
        """Hits of each piece, whose ends count from its start; of those not scanned yet, their number."""
        self._held = 0
        self._blobs: Blobs = ()
        self._partly: list[bool] = []
        self._found: dict[int, Hits] = {}
        self._pieces: list[bytes] = []
        self._starts: list[int] = []
        self._places: list[int] = []
        self._again: list[int] = []

    def unseen(self, blobs: Blobs, reach: int, gap: int) -> list[bytes]:
        """Return the pieces of *blobs* that have to be scanned, joined with *gap* bytes between them.

        `settle` comes next, with what was seen in them.
        """
        if self._blobs:  # the last ones were never settled
            self._names, self._hits = [], []
        if self._held > self._room or self._blobs:
            self._met = {}
            self._held = 0
        pieces: list[bytes] = []
        starts: list[int] = []
        places: list[int] = []  # flat pairs: the number of the blob of each piece, and where it begins there
        again: list[int] = []  # flat triples: a piece, and one more such place
        partly: list[bool] = []
        met = self._met
        found: dict[int, Hits] = {}
        names = self._names
        held: i64 = self._held
        worth: i64 = self._worth
        at: i64 = 0
        joint: i64 = gap
        number: i64 = -1
        for data, _, stored in blobs:
            number += 1
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
            if stored is None or not known:
                pieces.append(data)
                places.append(number)
                places.append(0)
                starts.append(at)
                at += len(data) + joint
                continue
            these = fresh(stored.delta, reach)
            i: i64 = 0
            count: i64 = len(these)
            while i < count:
                start: i64 = these[i]
                end: i64 = these[i + 1]
                i += 2
                piece = data[start:end]
                before: Any = None
                if end - start >= worth:
                    before = met.get(piece)
                    if before is None:
                        met[piece] = len(pieces)
                        held += end - start
                if before is None:
                    pieces.append(piece)
                    places.append(number)
                    places.append(start)
                    starts.append(at)
                    at += end - start + joint
                elif isinstance(before, int):
                    again.append(before)
                    again.append(number)
                    again.append(start)
                elif before:
                    _add(found, number, start, before)
        self._held = held
        self._blobs, self._partly, self._found = blobs, partly, found
        self._pieces, self._starts, self._places, self._again = pieces, starts, places, again
        return pieces

    def settle(self, hits: Hits, lengths: Sequence[tuple[int, int]]) -> list[tuple[int, Hits]]:
        """Return all hits of each blob of `unseen` that has some, by its number, and remember them.

        *hits* are those in the joined pieces. Where a blob was only looked at in part, those of its
        base that stand in copies are added.
        """
        every = self._found
        partly = self._partly
        met = self._met
        places = self._places
        again = self._again
        seen = self._seen_in(hits, lengths)
        i: i64 = 0
        for content in self._pieces:
            number: i64 = places[i]
            if partly[number] and len(content) >= self._worth:
                met[content] = seen.get(i >> 1, _NONE)
            i += 2
        for piece, those in seen.items():
            _add(every, places[2 * piece], places[2 * piece + 1], those)
        i = 0
        many: i64 = len(again)
        while i < many:
            twice = seen.get(again[i])
            if twice:
                _add(every, again[i + 1], again[i + 2], twice)
            i += 3
        found: list[tuple[int, Hits]] = []
        rows = self._hits
        number = -1
        for _, _, stored in self._blobs:
            number += 1
            these = every.get(number, _NONE)
            if these:
                these.sort()
            if stored is not None:
                depth: i64 = stored.depth
                if partly[number] and rows[depth - 1]:
                    these = _with_copied(these, rows[depth - 1], stored.delta, lengths)
                rows[depth] = these
            if these:
                found.append((number, these))
        self._blobs, self._pieces = (), []
        return found

    def _seen_in(self, hits: Hits, lengths: Sequence[tuple[int, int]]) -> dict[int, Hits]:
        """Divide *hits* in the joined text among the pieces. A hit that needs bytes from before its piece is none."""
        seen: dict[int, Hits] = {}
        starts = self._starts
        count: i64 = len(starts)
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
            piece: i64 = low - 1
            start: i64 = starts[piece]
            shortest: i64 = lengths[anchor][0]
            if end <= start + len(self._pieces[piece]) and end - start >= shortest:
                seen.setdefault(piece, []).append((anchor, end - start))
        return seen


def _add(found: dict[int, Hits], number: int, first: int, hits: Hits) -> None:
    """Add *hits* in a piece that begins at *first* of the blob with this *number*."""
    mine = found.setdefault(number, [])
    by: i64 = first
    for anchor, behind in hits:
        end: i64 = behind
        mine.append((anchor, end + by))


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
