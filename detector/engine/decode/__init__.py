"""Decoders: from a marker that pass 1 found to the decoded text.

The engine only needs `decode_layers`: it decodes the runs around the markers of
one text, and escapes that touch the place of an anchor. The engine scans each
layer as it scanned the text, including markers, so encodings within encodings
only need a `Budget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from detector.engine.decode import compression, inline, markers, runs
from detector.engine.decode.layer import Layer, OffsetIndex

MAX_DEPTH = 4
"""Nested layers that are decoded."""

MIN_BUDGET = 32 << 20
SIZE_FACTOR = 8
"""All layers of one text together may have `MIN_BUDGET` bytes, or `SIZE_FACTOR` times its size if that is more."""

MIN_LAYERS = 4096
BYTES_PER_LAYER = 256
"""One text may have `MIN_LAYERS` layers, and another for each of these many bytes.

A layer costs some fifty microseconds however short it is, so a text made of short ones would take minutes.
"""

_WINDOW_BYTES = 64
"""Bytes from a marker on in which a short run is known again."""

_WIDE = {
    markers.UTF_16_LE: "utf-16-le",
    markers.UTF_16_BE: "utf-16-be",
    markers.UTF_32_LE: "utf-32-le",
    markers.UTF_32_BE: "utf-32-be",
}


class Budget:
    """How many bytes may still be decoded of one outermost text. A layer that was decoded before is free."""

    def __init__(self, size: int) -> None:
        self.left = max(MIN_BUDGET, SIZE_FACTOR * size)
        self.layers = MIN_LAYERS + size // BYTES_PER_LAYER
        self.over = False
        self.empty_runs: set[tuple[int, int, bytes]] = set()
        """Depth, code and first bytes of short runs in which nothing is found, however often they occur."""
        self._seen: set[bytes] = set()

    def try_spend(self, layer: Layer, place: tuple[int, int]) -> bool:
        """Count *layer*, which is at *place* of the outermost text; return whether it is new and within the budget."""
        size = len(layer.data)
        if size < 6:
            return False
        from hashlib import blake2b  # not imported by a hook that decodes nothing

        name = blake2b(layer.data, digest_size=16, key=b"%d %d" % place).digest()
        if name in self._seen:
            return False
        self._seen.add(name)
        if size > self.left or self.layers <= 0:
            self.over = True
            return False
        self.left -= size
        self.layers -= 1
        return True


def decode_layers(
    data: bytes, marks: Iterable[tuple[int, int, int]], places: Iterable[tuple[int, int]], budget: Budget, depth: int
) -> Iterator[Layer]:
    """Yield what can be decoded at *marks*, ``(code, start, end)``, and around the anchors at *places*."""
    if depth and (name := compression.detect_compression(data)):
        text, whole = compression.decompress(data, name, budget.left)
        budget.over = budget.over or not whole
        if text:
            yield Layer(text, name, (0, len(data)))
    base64 = runs.Base64Runs(data)
    opened: dict[int, OffsetIndex[Layer]] = {}
    windows: dict[int, list[tuple[int, int]]] = {}
    recent: Layer | None = None
    for code, start, end in marks:
        if code >= markers.INLINE:
            windows.setdefault(code, []).append(inline.find_reach(code, end))
            continue
        if budget.layers <= 0:
            budget.over = True
            break
        if recent and code in markers.BASE64 and recent.covers(start, code):
            continue
        run = depth, code, data[max(0, start - 1) : start + _WINDOW_BYTES]
        if run in budget.empty_runs:
            continue
        family = opened.setdefault(0 if code in markers.BASE64 else code, OffsetIndex())
        if any(_covers(layer, code, start) for layer in family.find_at(start)):
            continue
        if layer := _decode_run(data, base64, code, start, end):
            yield layer
            if layer.is_empty and start <= layer.span[0] and layer.span[1] < start + _WINDOW_BYTES:
                budget.empty_runs.add(run)
                continue
            family.add(*layer.span, layer)
            recent = layer if code in markers.BASE64 else recent
    for start, end in places:
        for code in inline.detect_notations(data, start, end):
            windows.setdefault(code, []).append((start - inline.BEFORE, end + inline.AFTER))
    for code, found in windows.items():
        for start, end in _merge_spans(found, len(data)):
            if layer := inline.unescape(data, code, start, end):
                yield layer


def _decode_run(data: bytes, base64: runs.Base64Runs, code: int, start: int, end: int) -> Layer | None:
    if code in markers.BASE64:
        return base64.decode_at(start, code)
    if code == markers.BASE64_PACKED:
        return base64.decode_compressed(start)
    if code == markers.BASE64_AFTER:
        return base64.decode_after(end)
    if code == markers.HEX:
        return runs.decode_hex(data, start)
    if code == markers.NUMBERS:
        return runs.decode_numbers(data, end - 1)
    return runs.decode_wide(data, start, _WIDE[code])


def _covers(layer: Layer, code: int, place: int) -> bool:
    """Return whether a marker at *place* leads to *layer*: the same run in the same alignment."""
    if code in markers.BASE64 or code == markers.HEX:
        index = layer.count_before(place)
        return index % 2 == 0 if code == markers.HEX else (index - code) % 4 == 0
    return True


def _merge_spans(spans: Sequence[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
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
