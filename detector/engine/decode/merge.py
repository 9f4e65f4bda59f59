"""Merge the hits that were found at several depths of one text.

The same credential is often found twice: in the text, and again in the text
around it after unescaping. And a rule may match the encoded form of a credential.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from detector.engine.decode.layer import Layer
from detector.model import Hit
from detector.secret import Secret


def map_to_outer(hit: Hit, layer: Layer) -> Hit:
    """Return *hit* of *layer* with offsets into the text that the layer was decoded from."""
    start, end = layer.to_outer(hit.start, hit.end)
    parts = []
    for part in hit.parts:
        first, last = layer.to_outer(part.start, part.end)
        parts.append(part._replace(start=first, end=last))
    return hit._replace(start=start, end=end, parts=tuple(parts), decoded_via=(layer.via, *hit.decoded_via))


def merge_hits(plain: Sequence[Hit], decoded: Sequence[Hit]) -> list[Hit]:
    """Return all hits, each credential once at each place, sorted by place.

    A hit in plain text is kept rather than the same one from a decoder, even if the
    decoded value differs slightly (`%3D`, `=` at the end of a line), and one of fewer
    decoders rather than one of more. A hit that is a part or the encoded form of a decoded
    one is dropped if its rule is less specific.
    """
    if not decoded:
        return sorted(plain, key=_place)
    known: dict[Secret, _DisjointSpans] = {}
    for hit in plain:
        known.setdefault(hit.secret, _DisjointSpans()).add(hit)
    kept: list[Hit] = []
    for hit in sorted(decoded, key=lambda hit: len(hit.decoded_via)):
        same = known.setdefault(hit.secret, _DisjointSpans())
        if not same.overlaps(hit):
            same.add(hit)
            kept.append(hit)
    left = list(_drop_covered(sorted(plain, key=_place), sorted(kept, key=_place)))
    by_rule: dict[str, _DisjointSpans] = {}
    for hit in left:
        by_rule.setdefault(hit.rule.id, _DisjointSpans()).add(hit)
    rest = [hit for hit in kept if hit.rule.id not in by_rule or not by_rule[hit.rule.id].overlaps(hit)]
    return sorted((*left, *rest), key=_place)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.start, hit.end


class _DisjointSpans:
    """Sorted spans that do not overlap. A text may have a hundred thousand."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def overlaps(self, hit: Hit) -> bool:
        """Return whether *hit* overlaps one of the spans."""
        at = bisect_left(self._spans, (hit.end, 0))
        return at > 0 and self._spans[at - 1][1] > hit.start

    def add(self, hit: Hit) -> None:
        """Add the span of *hit*."""
        insort(self._spans, (hit.start, hit.end))


def _drop_covered(plain: Sequence[Hit], decoded: Sequence[Hit]) -> Iterator[Hit]:
    """Yield the hits of *plain* that no hit of *decoded* replaces; both are sorted, and *plain* has no overlaps.

    A hit replaces one that it overlaps if its rule is more specific, or is the same and the hit is longer.
    """
    specific: list[tuple[int, int]] = []  # heaps of the hits that have begun: minus their precedence, and their end
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
        replaced = specific and -specific[0][0] > hit.rule.specificity
        if not replaced and not (same and -same[0][0] > hit.end - hit.start):
            yield hit
