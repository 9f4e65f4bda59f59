"""Put what was found at several depths of one text together.

The same credential is often seen twice: as it stands and again in the text
around it once that is unescaped. And a rule may take the encoded form of a
credential for a credential of its own.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from detector.engine.decode.layer import Layer
from detector.model import Hit
from detector.secret import Secret


def outside(hit: Hit, layer: Layer) -> Hit:
    """Return *hit*, found in *layer*, as it stands in the text that the layer was decoded from."""
    start, end = layer.outside(hit.start, hit.end)
    parts = []
    for part in hit.parts:
        first, last = layer.outside(part.start, part.end)
        parts.append(part._replace(start=first, end=last))
    return hit._replace(start=start, end=end, parts=tuple(parts), decoded_via=(layer.via, *hit.decoded_via))


def nearest(plain: Sequence[Hit], decoded: Sequence[Hit]) -> list[Hit]:
    """Return all hits, each credential once at each place, sorted by place.

    What stands in plain text wins over the same thing seen through a decoder,
    also when that reads it a little differently (`%3D`, `=` at the end of a
    line), and fewer decoders win over more. A hit that is only a piece of a decoded one,
    or its encoded form, goes when its rule is the less specific.
    """
    if not decoded:
        return sorted(plain, key=_place)
    told: dict[Secret, _Apart] = {}
    for hit in plain:
        told.setdefault(hit.secret, _Apart()).add(hit)
    kept: list[Hit] = []
    for hit in sorted(decoded, key=lambda hit: len(hit.decoded_via)):
        same = told.setdefault(hit.secret, _Apart())
        if not same.touches(hit):
            same.add(hit)
            kept.append(hit)
    left = list(_untaken(sorted(plain, key=_place), sorted(kept, key=_place)))
    ruled: dict[str, _Apart] = {}
    for hit in left:
        ruled.setdefault(hit.rule.id, _Apart()).add(hit)
    seen = [hit for hit in kept if hit.rule.id not in ruled or not ruled[hit.rule.id].touches(hit)]
    return sorted((*left, *seen), key=_place)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.start, hit.end


class _Apart:
    """Places that do not overlap each other. A text may hold a hundred thousand, so they are kept in order."""

    def __init__(self) -> None:
        self._places: list[tuple[int, int]] = []

    def touches(self, hit: Hit) -> bool:
        """Tell whether *hit* overlaps one of the places."""
        at = bisect_left(self._places, (hit.end, 0))
        return at > 0 and self._places[at - 1][1] > hit.start

    def add(self, hit: Hit) -> None:
        """Add the place of *hit*."""
        insort(self._places, (hit.start, hit.end))


def _untaken(plain: Sequence[Hit], decoded: Sequence[Hit]) -> Iterator[Hit]:
    """Yield those of *plain*, which do not overlap each other, that no hit in *decoded* takes; both are in order.

    A hit takes one that it overlaps if its rule is the more specific, or is the same and it is the longer.
    """
    specific: list[tuple[int, int]] = []  # heaps of what has begun: minus what it takes by, and its end
    longest: dict[str, list[tuple[int, int]]] = {}
    begun = 0
    for hit in plain:
        while begun < len(decoded) and decoded[begun].start < hit.end:
            other = decoded[begun]
            heappush(specific, (-other.rule.specificity, other.end))
            heappush(longest.setdefault(other.rule.id, []), (other.start - other.end, other.end))
            begun += 1
        same = longest.get(hit.rule.id, [])
        for heap in (specific, same):
            while heap and heap[0][1] <= hit.start:
                heappop(heap)
        taken = specific and -specific[0][0] > hit.rule.specificity
        if not taken and not (same and -same[0][0] > hit.end - hit.start):
            yield hit
