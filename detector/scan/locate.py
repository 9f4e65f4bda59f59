"""Turn the byte offsets of a hit into a location: line, column and a redacted excerpt."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from detector.engine.engine import EngineResult
from detector.engine.lines import LineMap
from detector.model import Blob, Hit, Location
from detector.secret import redact

EXCERPT_BYTES = 60
"""Bytes of context shown on either side of a secret."""


class SpanIndex:
    """Spans of a text, found by position. There may be a hundred thousand, of which few share a line."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans = sorted(set(spans))
        self._ends = list(accumulate((end for _, end in self._spans), max))  # the largest end up to each span

    def overlapping(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the spans that share bytes with ``start:end``, in order."""
        for at in range(bisect_right(self._ends, start), len(self._spans)):
            first, last = self._spans[at]
            if first >= end:
                return
            if last > start:
                yield first, last


def index_masked_spans(examined: EngineResult) -> SpanIndex:
    """Collect every span that must not be shown: hits, their parts, and rejected candidates."""
    spans = [(hit.start, hit.end) for hit in examined.hits]
    spans += [(part.start, part.end) for hit in examined.hits for part in hit.parts]
    spans += [(candidate.start, candidate.end) for candidate in examined.rejected]
    return SpanIndex(spans)


def locate_hit(blob: Blob, hit: Hit, lines: LineMap, masked: SpanIndex) -> Location:
    """Return the location of *hit*, with an excerpt in which everything *masked* is redacted."""
    line, column = lines.locate(hit.start)
    end_line, end_column = lines.locate(hit.end)
    return Location(
        origin=blob.origin,
        start=blob.base + hit.start,
        end=blob.base + hit.end,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        decoded_via=(*blob.via, *hit.decoded_via),
        snippet=make_excerpt(blob.data, hit.start, hit.end, masked),
    )


def make_excerpt(data: bytes, start: int, end: int, masked: SpanIndex) -> str:
    """Return the line around ``start:end`` with everything in *masked* redacted.

    One line, bounded, without control characters: it is printed to terminals
    and into web pages.
    """
    earliest, latest = max(0, start - EXCERPT_BYTES), min(len(data), end + EXCERPT_BYTES)
    line_start = max(data.rfind(b"\n", earliest, start) + 1, earliest)
    line_end = data.find(b"\n", end, latest)
    line_end = line_end if line_end >= 0 else latest
    out = []
    at = line_start
    for first, last in masked.overlapping(line_start, line_end):
        if last <= at:
            continue
        if first > at:
            out.append(_replace_control_characters(data[at:first]))
        out.append(redact(bytes(data[first:last])))
        at = max(at, last)
    if at < line_end:
        out.append(_replace_control_characters(data[at:line_end]))
    return "".join(out).strip()


def _replace_control_characters(text: bytes) -> str:
    characters = text.decode("utf-8", "replace")
    if characters.isprintable():
        return characters
    return "".join(c if c.isprintable() else " " for c in characters)
