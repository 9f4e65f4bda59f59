"""Examine blobs with the engine and report what it finds, with locations.

Small blobs are put together for one call of the first pass. Lines, columns and
the redacted excerpt are made here, where the bytes still are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector.engine.engine import EMPTY_RESULT, Engine, EngineResult
from detector.engine.lines import LineMap
from detector.ignores import marks
from detector.model import CURRENT_KINDS, Blob, Location, Origin, Sighting, Skipped
from detector.scan import names
from detector.scan.locate import index_masked_spans, locate_hit
from detector.scan.messages import ExamineOptions, Message, Rejection, UnusedMark

DEFAULT_OPTIONS = ExamineOptions()


class Examiner:
    """An engine and what is asked of it, for the blobs of one share.

    With *only*, a set of rule ids, no other rule reports anything.
    """

    def __init__(
        self, engine: Engine, options: ExamineOptions = DEFAULT_OPTIONS, only: frozenset[str] | None = None
    ) -> None:
        self.engine = engine
        self._options = options
        self._only = only

    def examine(self, blob: Blob) -> Iterator[Message]:
        """Yield what the engine finds in *blob*."""
        return self._report(blob, self.engine.examine(blob.data, blob.origin.path, keep_rejected=True))

    def examine_batch(self, blobs: Sequence[Blob]) -> Iterator[tuple[int, Message]]:
        """Examine many blobs in one pass; each message comes with the index of its blob."""
        rows = [(blob.data, blob.origin.path, None) for blob in blobs]
        examined = dict(self.engine.examine_batch(rows, keep_rejected=True))
        keep_rejected = self._options.keep_rejected
        for index, blob in enumerate(blobs):
            if index in examined or (keep_rejected and blob.origin.kind in CURRENT_KINDS):
                for message in self._report(blob, examined.get(index, EMPTY_RESULT)):
                    yield index, message

    def examine_names(self, origins: Sequence[Origin]) -> Iterator[Message]:
        """Yield what is found in the paths of *origins*."""
        for sighting in names.examine_names(self.engine, origins):
            if self._only is None or self.engine.rules[sighting.rule].id in self._only:
                yield sighting

    def _report(self, blob: Blob, examined: EngineResult) -> Iterator[Message]:
        used: set[int] = set()
        yield from self.report_hits(blob, examined, used)
        if self._options.keep_rejected and blob.origin.kind in CURRENT_KINDS and marks.may_contain_mark(blob.data):
            lines = LineMap(blob.data, blob.base_line, blob.base_column)
            for mark in marks.find_marks(blob.data):
                if mark.at not in used and (not blob.core or blob.core[0] <= mark.at < blob.core[1]):
                    yield UnusedMark(blob.origin, lines.locate(mark.at)[0], mark.text)

    def report_hits(self, blob: Blob, examined: EngineResult, used_marks: set[int] | None = None) -> Iterator[Message]:
        """Turn what the engine found in *blob* into messages; *used_marks* collects the marks that cover a hit."""
        if examined is EMPTY_RESULT:
            return
        for problem in examined.unfinished:
            yield Skipped(blob.origin.path or str(blob.origin.object_id), problem)
        if self._options.keep_rejected:
            for candidate in examined.rejected:
                yield Rejection(blob.origin, candidate)
        lines = LineMap(blob.data, blob.base_line, blob.base_column)
        masked = index_masked_spans(examined)
        patterns, only = self._options.patterns, self._only
        # decoded text has no positions of its own: ten thousand hits may point at the same bytes
        spots: dict[tuple[object, ...], tuple[Location, tuple[str, ...], marks.Mark | None]] = {}
        for hit in sorted(examined.hits, key=lambda hit: hit.start):
            if only is not None and hit.rule.id not in only:
                continue
            if blob.core and not blob.core[0] <= hit.start < blob.core[1]:
                continue
            if blob.new is not None and not any(hit.start < end and hit.end > start for start, end in blob.new):
                continue
            spot = hit.start, hit.end, hit.rule.id, hit.decoded_via
            if spot not in spots:
                near = marks.find_matching(patterns, blob.data, hit.start, hit.end)
                mark = marks.find_mark_for(blob.data, hit.start, hit.end, blob.origin.path, hit.rule.id)
                spots[spot] = locate_hit(blob, hit, lines, masked), (mark.text, *near) if mark else near, mark
            location, near, mark = spots[spot]
            if mark and used_marks is not None:
                used_marks.add(mark.at)
            yield Sighting(
                rule=self.engine.index_of(hit.rule),
                location=location,
                secret=hit.secret,
                parts=tuple((part.name, part.secret) for part in hit.parts),
                confidence=hit.confidence,
                verdict=hit.verdict,
                evidence=hit.evidence,
                nearby_ignores=near,
                judgement=hit.judgement,
            )
