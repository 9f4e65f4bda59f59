"""Put what was found at several depths of one text together.

The same credential is often seen twice: as it stands and again in the text
around it once that is unescaped. And a rule may take the encoded form of a
credential for a credential of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from detector.engine.decode.layer import Layer
from detector.model import Hit


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
    kept: list[Hit] = []
    for hit in sorted(decoded, key=lambda hit: len(hit.decoded_via)):
        if not any(_overlap(hit, other) and hit.secret == other.secret for other in (*plain, *kept)):
            kept.append(hit)
    left = [hit for hit in plain if not any(_takes(other, hit) for other in kept)] if kept else list(plain)
    seen = [hit for hit in kept if not any(other.rule.id == hit.rule.id and _overlap(other, hit) for other in left)]
    return sorted((*left, *seen), key=lambda hit: (hit.start, hit.end))


def _overlap(one: Hit, other: Hit) -> bool:
    return one.start < other.end and other.start < one.end


def _takes(decoded: Hit, plain: Hit) -> bool:
    if not _overlap(decoded, plain):
        return False
    if plain.rule.id == decoded.rule.id:
        return decoded.end - decoded.start > plain.end - plain.start
    return plain.rule.specificity < decoded.rule.specificity
