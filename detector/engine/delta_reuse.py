"""Find which bytes of a version must be scanned when its base was scanned already.

A history stores most objects as a delta: copies from a base, and new bytes.
What pass 1 finds depends on the bytes of the occurrence alone, so an occurrence
within a copied range is in the base too, and its new place can be computed. Only
new bytes and the seams between copies are scanned.

Deltas come in git's form and were applied before, so they are valid. A delta has about
a hundred copies, so no object is created for them. Typed for mypyc, like the loop that
applies deltas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from detector.engine.stored import Stored

if TYPE_CHECKING:
    from mypy_extensions import i64

StoredBlobs = Sequence[tuple[bytes, str, Stored | None]]
"""Content, path, and how it is stored, None if that is unknown."""

AnchorHits = list[Any]
"""What pass 1 found: pairs of anchor and end."""

MIN_COPY = 96
"""Bytes of a copy below which it is scanned again, because skipping it takes longer."""

MIN_PIECE = 400
"""Bytes of a piece below which it is scanned again, because looking it up takes as long."""

MAX_REMEMBERED = 4 << 20
"""Bytes of all remembered pieces; above that they are forgotten. Most repetitions follow soon."""


def _read_copy(delta: bytes, at: i64, head: i64) -> tuple[i64, i64, i64]:
    """Read a copy after its *head*; return the offset of the next instruction, and the copy's offset and length."""
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


def _read_head(delta: bytes) -> tuple[i64, i64]:
    """Read the sizes at the start of a delta; return the offset of its first instruction and the size of its result."""
    i: i64 = 0
    while delta[i] >= 128:
        i += 1
    i += 1
    size: i64 = 0
    shift: i64 = 0
    byte: i64 = 128
    while byte >= 128:
        byte = delta[i]
        i += 1
        size |= (byte & 127) << shift
        shift += 7
    return i, size


def find_new_ranges(delta: bytes, reach: int) -> list[int]:
    """Return flat pairs of start and end: what must be scanned of the result of *delta*.

    An occurrence of at most *reach* bytes is either within one of these ranges or
    within one copy.
    """
    ranges: list[int] = []
    margin: i64 = reach
    least: i64 = MIN_COPY
    end: i64 = len(delta)
    i: i64 = 0
    whole: i64 = 0
    i, whole = _read_head(delta)
    settled: i64 = 0  # everything before it is in `ranges` or in a copy
    place: i64 = 0  # offset in the result
    first: i64 = 0  # where the current copy begins in the result
    stop: i64 = -1  # where it ends in the base so far; -1: there is no current copy
    offset: i64 = 0
    length: i64 = 0
    while True:
        copied = False
        if i < end:
            byte = delta[i]
            i += 1
            if byte >= 128:
                copied = True
                i, offset, length = _read_copy(delta, i, byte)
                if offset == stop:
                    stop = offset + length
                    place += length
                    continue
        if stop >= 0:
            low: i64 = first + margin
            if first == 0 and stop == place:
                low = 0  # both texts begin with it: there are no bytes before it
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


def carry_over(delta: bytes, ends: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Map occurrences in the base to the result of *delta*: flat pairs of their index and their new end.

    *ends* are their sorted end offsets in the base, *lengths* their greatest lengths. An
    occurrence that no single copy holds is omitted; one that several copies hold appears several times.
    """
    found: list[int] = []
    finish: i64 = len(delta)
    many: i64 = len(ends)
    place: i64 = 0  # offset in the result
    first: i64 = 0  # where the current copy begins in the result, and in the base
    start: i64 = 0
    stop: i64 = -1  # where it ends in the base so far; -1: there is no current copy
    i: i64 = 0
    _size: i64 = 0
    i, _size = _read_head(delta)
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
                i, offset, length = _read_copy(delta, i, byte)
                if offset == stop:
                    stop += length
                    place += length
                    continue
        if stop >= 0:
            at: i64 = _first_after(ends, start)
            while at < many:
                last: i64 = ends[at]
                if last > stop:
                    break
                longest: i64 = lengths[at]
                if start == 0 or last - longest >= start:
                    found.append(at)
                    found.append(last - start + first)
                at += 1
            stop = -1
        if length == 0:
            break
        if offset >= 0:
            first = place
            start = offset
            stop = offset + length
        place += length
    return found


def _first_after(ends: Sequence[int], offset: i64) -> i64:
    """Return the index of the first of the sorted *ends* that is larger than *offset*."""
    low: i64 = 0
    high: i64 = len(ends)
    while low < high:
        middle: i64 = (low + high) >> 1
        if ends[middle] <= offset:
            low = middle + 1
        else:
            high = middle
    return low


_NO_HITS: AnchorHits = []


class VersionCache:
    """The hits of the versions that later ones are stored against, and of the pieces that were scanned.

    Objects come depth first, so the base of an object is the last one before
    it with a depth of one less. Only the hits of one object for each depth are kept.

    Versions that are stored against one base differ from it in the same places, so more
    than half of the bytes of all pieces repeat an earlier piece. Each piece is scanned once.
    """

    def __init__(self, min_piece: int = MIN_PIECE, max_remembered: int = MAX_REMEMBERED) -> None:
        """Remember pieces of at least *min_piece* bytes, *max_remembered* bytes in all."""
        self._min_piece = min_piece
        self._max_remembered = max_remembered
        self._names: list[Any] = []  # for each depth: the id of its latest object, and the hits in it
        self._hits: list[AnchorHits] = []
        self._remembered: dict[bytes, Any] = {}
        """The hits of each piece, whose ends count from its start; before it is scanned, its number."""
        self._size = 0
        self._blobs: StoredBlobs = ()
        self._partly: list[bool] = []  # for each blob: whether only its new ranges are scanned
        self._found: dict[int, AnchorHits] = {}
        self._pieces: list[bytes] = []
        self._starts: list[int] = []
        self._places: list[int] = []  # flat pairs: the number of the blob of each piece, and its offset there
        self._repeats: list[int] = []  # flat triples: the number of a piece, and one more such place

    def collect_pieces(self, blobs: StoredBlobs, reach: int, gap: int) -> list[bytes]:
        """Return the pieces of *blobs* that must be scanned, joined with *gap* bytes between them.

        Call `resolve_hits` next, with the hits in the joined pieces.
        """
        if self._blobs:  # the hits of the last call were never resolved
            self._names, self._hits = [], []
        if self._size > self._max_remembered or self._blobs:
            self._remembered = {}
            self._size = 0
        self._blobs, self._found = blobs, {}
        self._pieces, self._starts, self._places, self._repeats = [], [], [], []
        partly: list[bool] = []
        at: i64 = 0
        joint: i64 = gap
        number: i64 = -1
        for data, _, stored in blobs:
            number += 1
            known = stored is not None and self._knows_base(stored)
            partly.append(known)
            if stored is not None and known:
                at = self._collect_new(data, stored.delta, reach, number, at, joint)
                continue
            self._pieces.append(data)
            self._places.append(number)
            self._places.append(0)
            self._starts.append(at)
            at += len(data) + joint
        self._partly = partly
        return self._pieces

    def _knows_base(self, stored: Stored) -> bool:
        """Make *stored* the latest object of its depth; return whether the hits in its base are known."""
        names = self._names
        depth: i64 = stored.depth
        while len(names) <= depth:
            names.append(None)
            self._hits.append(_NO_HITS)
        known = False
        if depth > 0:
            base = stored.base
            known = base is not None and names[depth - 1] == base
        names[depth] = stored.id
        return known

    def _collect_new(self, data: bytes, delta: bytes, reach: int, number: i64, at: i64, joint: i64) -> i64:
        """Collect the new ranges of blob *number*; *at* is where the next piece begins, before and after."""
        remembered = self._remembered
        least: i64 = self._min_piece
        ranges = find_new_ranges(delta, reach)
        i: i64 = 0
        count: i64 = len(ranges)
        while i < count:
            start: i64 = ranges[i]
            end: i64 = ranges[i + 1]
            i += 2
            piece = data[start:end]
            earlier: Any = None
            if end - start >= least:
                earlier = remembered.get(piece)
                if earlier is None:
                    remembered[piece] = len(self._pieces)
                    self._size += end - start
            if earlier is None:
                self._pieces.append(piece)
                self._places.append(number)
                self._places.append(start)
                self._starts.append(at)
                at += end - start + joint
            elif isinstance(earlier, int):
                self._repeats.append(earlier)
                self._repeats.append(number)
                self._repeats.append(start)
            elif earlier:
                _add_hits(self._found, number, start, earlier)
        return at

    def resolve_hits(self, hits: AnchorHits, lengths: Sequence[tuple[int, int]]) -> list[tuple[int, AnchorHits]]:
        """Return all hits of each blob of `collect_pieces` that has any, by its number, and remember them.

        *hits* are those in the joined pieces. A blob that was scanned only in part also gets
        the hits of its base that are within copies.
        """
        every = self._found
        partly = self._partly
        places = self._places
        by_piece = self._assign_hits(hits, lengths)
        i: i64 = 0
        for content in self._pieces:
            number: i64 = places[i]
            if partly[number] and len(content) >= self._min_piece:
                self._remembered[content] = by_piece.get(i >> 1, _NO_HITS)
            i += 2
        for piece, own in by_piece.items():
            _add_hits(every, places[2 * piece], places[2 * piece + 1], own)
        repeats = self._repeats
        i = 0
        many: i64 = len(repeats)
        while i < many:
            repeated = by_piece.get(repeats[i])
            if repeated:
                _add_hits(every, repeats[i + 1], repeats[i + 2], repeated)
            i += 3
        found: list[tuple[int, AnchorHits]] = []
        rows = self._hits
        number = -1
        for _, _, stored in self._blobs:
            number += 1
            own = every.get(number, _NO_HITS)
            if own:
                own.sort()
            if stored is not None:
                depth: i64 = stored.depth
                if partly[number] and rows[depth - 1]:
                    own = _merge_carried(own, rows[depth - 1], stored.delta, lengths)
                rows[depth] = own
            if own:
                found.append((number, own))
        self._blobs, self._pieces = (), []
        return found

    def _assign_hits(self, hits: AnchorHits, lengths: Sequence[tuple[int, int]]) -> dict[int, AnchorHits]:
        """Assign *hits* in the joined text to the pieces; drop those that begin before their piece."""
        found: dict[int, AnchorHits] = {}
        starts = self._starts
        count: i64 = len(starts)
        if count == 1 and hits:
            return {0: list(hits)}
        for hit in hits:
            anchor, end_of_hit = hit
            end: i64 = end_of_hit
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
                found.setdefault(piece, []).append((anchor, end - start) if start else hit)
        return found


def _add_hits(found: dict[int, AnchorHits], number: int, first: int, hits: AnchorHits) -> None:
    """Add *hits* in a piece that begins at offset *first* of blob *number*."""
    mine = found.setdefault(number, [])
    if not first:  # a text of many hits is held once
        mine.extend(hits)
        return
    by: i64 = first
    for anchor, end_of_hit in hits:
        end: i64 = end_of_hit
        mine.append((anchor, end + by))


def _merge_carried(hits: AnchorHits, base: AnchorHits, delta: bytes, lengths: Sequence[tuple[int, int]]) -> AnchorHits:
    order = sorted([(end, anchor) for anchor, end in base])
    moved = carry_over(delta, [end for end, _ in order], [lengths[anchor][1] for _, anchor in order])
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
