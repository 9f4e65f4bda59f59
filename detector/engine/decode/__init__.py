"""Decoders: from a marker that pass 1 saw to the text that a program would see.

`layers` is all that the engine needs: it finds the encoded runs around the
markers of one text, and undoes escapes where they touch the place of an
anchor. The engine scans each layer as it scanned the text, markers included,
so encodings within encodings need nothing of their own but a `Budget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from detector.engine.decode import inline, markers, packed, runs
from detector.engine.decode.layer import Layer, Parts

DEPTH = 4
"""How many layers within each other are opened."""

LEAST_BYTES = 32 << 20
TIMES = 8
"""All layers of one text together may have this many bytes, or so many times its size if that is more."""

_WIDE = {
    markers.UTF_16_LE: "utf-16-le",
    markers.UTF_16_BE: "utf-16-be",
    markers.UTF_32_LE: "utf-32-le",
    markers.UTF_32_BE: "utf-32-be",
}


class Budget:
    """What may still be decoded of one outermost text. A layer that was seen before costs nothing."""

    def __init__(self, size: int) -> None:
        self.left = max(LEAST_BYTES, TIMES * size)
        self.over = False
        self._seen: set[bytes] = set()

    def allows(self, layer: Layer, place: tuple[int, int]) -> bool:
        """Tell whether to look at *layer*, whose text stands at *place* outside, and count it."""
        size = len(layer.data)
        if size < 6:
            return False
        from hashlib import blake2b  # a hook that decodes nothing does without

        name = blake2b(layer.data, digest_size=16, key=b"%d %d" % place).digest()
        if name in self._seen:
            return False
        self._seen.add(name)
        if size > self.left:
            self.over = True
            return False
        self.left -= size
        return True


def layers(
    data: bytes, marks: Iterable[tuple[int, int, int]], places: Iterable[tuple[int, int]], budget: Budget, depth: int
) -> Iterator[Layer]:
    """Decode what *marks*, ``(code, start, end)``, and escapes around anchors at *places* point to."""
    if depth and (name := packed.kind(data)):
        text, whole = packed.unpacked(data, name, budget.left)
        budget.over = budget.over or not whole
        if text:
            yield Layer(text, name, (0, len(data)))
    base64 = runs.Base64(data)
    opened: dict[int, Parts[Layer]] = {}
    windows: dict[int, list[tuple[int, int]]] = {}
    for code, start, end in marks:
        if code >= markers.INLINE:
            windows.setdefault(code, []).append(inline.reach(code, end))
            continue
        family = opened.setdefault(0 if code in markers.BASE64 else code, Parts())
        if any(_covers(layer, code, start) for layer in family.around(start)):
            continue
        if layer := _run(data, base64, code, start, end):
            family.add(*layer.span, layer)
            yield layer
    for start, end in places:
        for code in inline.glued(data, start, end):
            windows.setdefault(code, []).append((start - inline.BEFORE, end + inline.AFTER))
    for code, found in windows.items():
        for start, end in _merged(found, len(data)):
            if layer := inline.unescaped(data, code, start, end):
                yield layer


def _run(data: bytes, base64: runs.Base64, code: int, start: int, end: int) -> Layer | None:
    if code in markers.BASE64:
        return base64.around(start, code)
    if code == markers.BASE64_PACKED:
        return base64.packed(start)
    if code == markers.BASE64_AFTER:
        return base64.behind(end)
    if code == markers.HEX:
        return runs.hexadecimal(data, start)
    if code == markers.NUMBERS:
        return runs.numbers(data, end - 1)
    return runs.wide(data, start, _WIDE[code])


def _covers(layer: Layer, code: int, place: int) -> bool:
    """Tell whether *layer* holds what a marker at *place* would lead to: the same run in the same alignment."""
    if code in markers.BASE64 or code == markers.HEX:
        index = layer.index(place)
        return index % 2 == 0 if code == markers.HEX else (index - code) % 4 == 0
    return True


def _merged(spans: Sequence[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    start = end = -1
    for low, high in sorted(spans):
        low, high = max(0, low), min(size, high)
        if start >= 0 and low <= end:
            end = max(end, high)
            continue
        if start >= 0:
            yield start, end
        start, end = low, high
    if start >= 0:
        yield start, end
