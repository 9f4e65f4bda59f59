"""The engine: bytes in, hits out.

Pass 1 (anchors.py) finds places, pass 2 (confirm.py) matches the rules around
them; then checks and plausibility decide about each candidate alone, and where
several rules match the same bytes the most specific one keeps them. Nothing here
uses files, sockets, the clock or settings, so a worker process builds an engine
from a pack in a millisecond, and two scans of the same bytes are equal.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from detector.engine.anchors import Automaton, length_range
from detector.engine.confirm import MAX_OVERRUN, Match, find_companions, find_matches, merge_windows
from detector.engine.context_cache import UNBOUNDED, AnchorHits, ContextCache, ReachTable, split_segments
from detector.engine.decode import MAX_DEPTH, Budget, decode_layers, inline, markers
from detector.engine.decode.compression import detect_compression
from detector.engine.decode.merge import map_to_outer, merge_hits
from detector.engine.delta_reuse import VersionCache
from detector.engine.plausibility import find_documented_sample, rejection_reason
from detector.engine.stored import Stored
from detector.model import (
    CONFIDENCES,
    Anchor,
    Confidence,
    Evidence,
    Hit,
    Judgement,
    Part,
    RejectedCandidate,
    Rule,
    Verdict,
    VerdictState,
)
from detector.secret import Secret

SEPARATOR = b"\n\x00\n"
"""Joins small blobs that share one pass-1 call; no anchor contains it."""


class EngineResult(NamedTuple):
    """The result for one blob.

    Each of `unfinished` is a sentence about something that could not be examined
    completely. It makes a scan incomplete.
    """

    hits: tuple[Hit, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()
    unfinished: tuple[str, ...] = ()


EMPTY_RESULT = EngineResult()

PASSPHRASE_PROTECTED = ("encrypted", "yes")
"""The fact that a check reports for a key with a passphrase: not a credential by itself."""

REFUTATIONS = ("documented placeholder", "checksum ")
"""How the reasons begin with which a rule proves that a value is no credential, whatever its name."""

GENERIC = -1
"""Takes the place of a rule index for the anchors of generic credentials."""

MAX_KNOWN = 4096
"""Cached results of `_check_match`; above that the cache is cleared."""

MAX_CONTEXT = 4096
"""Bytes of text around a match above which its result is not cached."""

MANY_HITS = 10_000
"""Above this many hits in one text, those that say the same are left out, and those side by side count as one."""

PIECE = 256 << 10
"""Bytes of a text without earlier versions that pass 1 reads at once."""

MAX_JOINED = 4096
"""Bytes that hits side by side may take to count as one."""

_MARGIN = 256
"""Bytes before its start and after its end that a pattern may inspect."""

_LOW, _HIGH = Confidence.LOW, Confidence.HIGH
_UNCHECKED, _VALID_FORMAT = VerdictState.UNCHECKED, VerdictState.VALID_FORMAT

_SAME = [(length, length) for length in range(256)]


class _Nesting(NamedTuple):
    """Where decoded text comes from: its depth, its span in the outermost text, and what may still be decoded."""

    budget: Budget
    depth: int = 0
    span: tuple[int, int] | None = None


class _Candidate(NamedTuple):
    """A match that was checked; of several for the same bytes, the largest `rank` wins.

    `others` are further values that a part may have: they take no bytes from other candidates.
    """

    rank: tuple[int, int, int, str]
    rule: Rule
    match: Match
    parts: tuple[tuple[str, int, int], ...]
    verdict: Verdict
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    others: tuple[tuple[str, int, int], ...] = ()
    judgement: Judgement | None = None


class Engine:
    """All rules, ready to scan. Cheap to build from a pack; not thread-safe."""

    def __init__(
        self,
        rules: Sequence[Rule],
        anchors: Sequence[Anchor],
        anchor_rules: Sequence[Sequence[int]],
        automaton: Automaton,
        widths: Sequence[tuple[int, int]] = (),
        marks: bytes = b"",
        scored_indexes: Sequence[int] | None = None,
    ) -> None:
        """*anchor_rules[i]* lists the indexes of the rules of anchor *i*; *widths[i]* is its `length_range`.

        Numbers above the anchors that the automaton reports are markers of decoders: *marks* holds
        one byte for the code and one for the length of each. *scored_indexes* are the indexes
        of the rules that are `scored`; if None, the engine determines them.
        """
        self.rules = rules
        self._scored_indexes = scored_indexes
        self._anchor_rules = anchor_rules
        self._lengths = [*(widths or map(length_range, anchors)), *map(_SAME.__getitem__, marks[1::2])]
        self._first_mark = len(anchor_rules)
        self._codes = marks[::2]
        self._reach = max((longest for _, longest in self._lengths), default=0)
        self._automaton = automaton
        self._indexes: dict[str, int] = {}
        self._scored_rules: dict[str, Rule] = {}
        self._reach_table = ReachTable(self._reach_of)
        self._cache = ContextCache()
        self._known: dict[tuple[str, bytes, int, int, int], tuple[_Candidate | RejectedCandidate, int]] = {}

    def index_of(self, rule: Rule) -> int:
        """Return the index of *rule* in `rules`."""
        if not self._indexes:
            self._indexes = {rule.id: index for index, rule in enumerate(self.rules)}
        return self._indexes[rule.id]

    def scan(self, data: bytes, path: str = "") -> tuple[Hit, ...]:
        """Return the credentials in *data*, in order of their place."""
        return self.examine(data, path).hits

    def examine(self, data: bytes, path: str = "", *, keep_rejected: bool = False) -> EngineResult:
        """Return the hits and, with *keep_rejected*, the rejected candidates."""
        hits = self._scan_in_pieces(data)
        return self._examine_segments(data, path, hits, keep_rejected) if hits else EMPTY_RESULT

    def examine_batch(
        self,
        blobs: Sequence[tuple[bytes, str, Stored | None]],
        *,
        keep_rejected: bool = False,
        versions: VersionCache | None = None,
    ) -> list[tuple[int, EngineResult]]:
        """Examine many ``(data, path, stored)`` in one pass-1 call.

        The result holds, for each blob whose result is not empty, its index and what
        `examine` returns for it. *versions* reuses hits of earlier versions, also between calls.
        """
        versions = VersionCache() if versions is None else versions
        hits = self._automaton.scan(SEPARATOR.join(versions.collect_pieces(blobs, self._reach, len(SEPARATOR))))
        results = []
        for index, found in versions.resolve_hits(hits, self._lengths):
            data, path, _ = blobs[index]
            result = self._examine_segments(data, path, found, keep_rejected)
            if result != EMPTY_RESULT:
                results.append((index, result))
        return results

    # -- pass 2 and after ----------------------------------------------------

    def _examine_segments(self, data: bytes, path: str, hits: AnchorHits, keep_rejected: bool) -> EngineResult:
        """Examine *data* around *hits*, one segment at a time."""
        parts = []
        for segment in split_segments(data, self._drop_marks_of_one_run(hits), self._reach_table):
            result = self._cache.get_or_compute(segment, path, self._examine_segment)
            if result != EMPTY_RESULT:
                parts.append(_shift(result, segment.start, keep_rejected))
        if len(parts) == 1:
            return parts[0]
        return EngineResult(*(tuple(chain(*column)) for column in zip(*parts, strict=True))) if parts else EMPTY_RESULT

    def _scan_in_pieces(self, data: bytes) -> AnchorHits:
        """Run pass 1 over *data*, however large: a hit takes a hundred bytes, and there may be one at each byte."""
        if len(data) <= PIECE:
            return self._drop_marks_of_one_run(self._automaton.scan(data))
        found: list[tuple[int, int]] = []
        for start in range(0, len(data), PIECE):
            low = max(0, start - self._reach)
            hits = self._drop_marks_of_one_run(self._automaton.scan(data[low : start + PIECE]))
            found += [(anchor, end + low) for anchor, end in hits if end + low > start]
        found.sort()
        return found

    def _drop_marks_of_one_run(self, hits: AnchorHits) -> AnchorHits:
        """Leave out markers of base64 that touch the one before, in the same alignment: they lead to the same run."""
        if len(hits) <= MANY_HITS:
            return hits
        kept = []
        last_anchor = last_end = current = -1
        is_base64, length = False, 0
        for hit in hits:
            anchor, end = hit
            if anchor != current:
                current, length = anchor, self._lengths[anchor][0]
                is_base64 = anchor >= self._first_mark and self._codes[anchor - self._first_mark] in markers.BASE64
            if is_base64:
                gap = end - last_end
                is_repeated = anchor == last_anchor and gap <= length and gap % 4 == 0
                last_anchor, last_end = hit
                if is_repeated:
                    continue
            kept.append(hit)
        return kept

    def _reach_of(self, anchor: int) -> tuple[int, int]:
        """Return how many bytes before and after its end the result of a hit of *anchor* may depend on."""
        shortest, longest = self._lengths[anchor]
        if anchor >= self._first_mark:
            code = self._codes[anchor - self._first_mark]
            return (longest + inline.BEFORE, inline.AFTER) if code in markers.LOCAL else (UNBOUNDED, UNBOUNDED)
        before = after = 0
        if self._anchor_rules[anchor] != (GENERIC,):  # escapes around it are decoded
            before, after = longest + inline.BEFORE, inline.AFTER
        for index in self._anchor_rules[anchor]:
            if index == GENERIC:
                from detector.engine.scoring import AFTER, BEFORE

                before, after = max(before, longest, BEFORE), max(after, AFTER)
                continue
            rule = self.rules[index]
            if rule.reject_when:
                return UNBOUNDED, UNBOUNDED
            more = max((part.within for part in rule.companions), default=0) + _MARGIN
            before = max(before, longest + rule.window[0] + more)
            after = max(after, rule.window[1] - shortest + MAX_OVERRUN + more)
        return before, after

    def _examine_segment(
        self, data: bytes, path: str, hits: AnchorHits, within: _Nesting | None = None
    ) -> EngineResult:
        places: dict[int, list[tuple[int, int]]] = {}
        spots: list[tuple[int, int]] = []
        is_dense = len(hits) > MANY_HITS
        reaches: dict[int, int | None] = {}  # of each rule: how far apart places may be that share a window
        for anchor, end in hits:
            if anchor >= self._first_mark:
                continue
            shortest, longest = self._lengths[anchor]
            if self._anchor_rules[anchor] != (GENERIC,):
                _add_place(spots, end - longest, end, inline.NEAR if is_dense else None)
            for index in self._anchor_rules[anchor]:
                if index not in reaches:
                    reaches[index] = sum(self.rules[index].window) if is_dense and index != GENERIC else None
                _add_place(places.setdefault(index, []), end - longest, end - shortest, reaches[index])
        found: list[_Candidate] = []
        rejected: list[RejectedCandidate] = []
        unfinished: list[str] = []
        if places.pop(GENERIC, None):
            ends = sorted(
                {end for anchor, end in hits if anchor < self._first_mark and GENERIC in self._anchor_rules[anchor]}
            )
            self._score_generic(data, path, ends, found, rejected)
        for index in sorted(places):
            rule = self.rules[index]
            if rule.paths and path and not _path_matches(rule, path):
                continue
            try:
                for start, end in merge_windows(sorted(places[index]), *rule.window, len(data)):
                    for match in find_matches(rule, data, start, end):
                        candidate = self._check_match_cached(rule, data, match, path)
                        if isinstance(candidate, RejectedCandidate):
                            rejected.append(candidate)
                        else:
                            found.append(candidate)
            except TimeoutError:
                unfinished.append(f"rule {rule.id} took too long and was not applied completely")
        kept = [_make_hit(data, candidate) for candidate in _keep_most_specific(found)]
        within = within or _Nesting(Budget(len(data)))
        if within.depth < MAX_DEPTH:
            kept = merge_hits(
                kept,
                self._examine_decoded(
                    data, path, self._list_marks(hits), sorted(set(spots)), within, rejected, unfinished
                ),
            )
        kept = _drop_refuted(kept, rejected)
        return EngineResult(tuple(kept), tuple(rejected), tuple(unfinished))

    def _list_marks(self, hits: AnchorHits) -> Iterator[tuple[int, int, int]]:
        """Yield code, start and end of each marker of a decoder among *hits*."""
        first = self._first_mark
        for anchor, end in hits:
            if anchor >= first:
                yield self._codes[anchor - first], end - self._lengths[anchor][0], end

    def _check_match_cached(self, rule: Rule, data: bytes, match: Match, path: str) -> _Candidate | RejectedCandidate:
        """Return `_check_match` of *match*, from the cache if the same text was checked before."""
        if rule.reject_when:
            return _check_match(rule, data, match, path)
        reach = max((part.within + _MARGIN for part in rule.companions), default=0)
        low = max(0, min(match.start, match.secret_start - reach))
        near = bytes(data[low : max(match.end, match.secret_end + reach)])
        if len(near) > MAX_CONTEXT:
            return _check_match(rule, data, match, path)
        key = rule.id, near, match.start - low, match.secret_start - low, match.secret_end - low
        cached = self._known.get(key)
        if cached is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            cached = self._known[key] = _check_match(rule, data, match, path), low
        candidate, cached_low = cached
        by = low - cached_low
        if isinstance(candidate, RejectedCandidate):
            return RejectedCandidate(rule.id, match.secret_start, match.secret_end, candidate.reason)
        parts = tuple([(part, start + by, end + by) for part, start, end in candidate.parts])
        others = tuple([(part, start + by, end + by) for part, start, end in candidate.others])
        return candidate._replace(match=match, parts=parts, others=others)

    def _examine_decoded(
        self,
        data: bytes,
        path: str,
        marks: Iterator[tuple[int, int, int]],
        spots: list[tuple[int, int]],
        within: _Nesting,
        rejected: list[RejectedCandidate],
        unfinished: list[str],
    ) -> list[Hit]:
        """Examine what is encoded in *data*; the hits have offsets into *data*."""
        found: list[Hit] = []
        for layer in decode_layers(data, marks, spots, within.budget, within.depth):
            place = within.span or layer.span
            if not within.budget.try_spend(layer, place):
                continue
            inner = _Nesting(within.budget, within.depth + 1, place)
            hits = self._scan_in_pieces(layer.data)
            is_worth_it = hits or detect_compression(layer.data)
            result = self._examine_segment(layer.data, path, hits, inner) if is_worth_it else EMPTY_RESULT
            layer.is_empty = result == EMPTY_RESULT
            found += [map_to_outer(hit, layer) for hit in result.hits]
            for candidate in result.rejected:
                start, end = layer.to_outer(candidate.start, candidate.end)
                rejected.append(candidate._replace(start=start, end=end))
            unfinished += result.unfinished
        if within.budget.over and not within.depth:
            unfinished.append("more encoded content than the limit; the rest was not decoded")
        return found

    def _score_generic(
        self, data: bytes, path: str, ends: list[int], found: list[_Candidate], rejected: list[RejectedCandidate]
    ) -> None:
        """Score generic credentials around *ends*; add them to *found* and *rejected*."""
        from detector.engine.scoring import score_candidates

        if not self._scored_rules:
            rules = self.rules if self._scored_indexes is None else map(self.rules.__getitem__, self._scored_indexes)
            self._scored_rules = {rule.id: rule for rule in rules if rule.scored}
        for scored in score_candidates(data, ends, path):
            rule = self._scored_rules.get(scored.rule_id)
            if rule is None:
                continue
            if scored.confidence is None:
                reason, evidence = scored.rejection_reason, scored.evidence
                rejected.append(
                    RejectedCandidate(rule.id, scored.start, scored.end, reason, evidence, scored.judgement)
                )
                continue
            match = Match(scored.start, scored.end, scored.start, scored.end)
            rank = (rule.specificity, 0, scored.end - scored.start, rule.id)
            found.append(
                _Candidate(
                    rank, rule, match, (), Verdict(), scored.confidence, scored.evidence, judgement=scored.judgement
                )
            )


def _add_place(places: list[tuple[int, int]], low: int, high: int, joins: int | None) -> None:
    """Append ``(low, high)`` to *places*, or extend the last one if *joins* bytes or less lie between both."""
    if joins is not None and places:
        first, last = places[-1]
        if first <= low <= last + joins and high - first <= MAX_JOINED:
            places[-1] = first, max(last, high)
            return
    places.append((low, high))


def _shift(result: EngineResult, by: int, keep_rejected: bool) -> EngineResult:
    """Return the result of a segment with offsets into the text that begins *by* bytes earlier."""
    hits, rejected, unfinished = result
    if not keep_rejected:
        rejected = ()
    if by:
        hits = tuple(hit._replace(
            start=hit.start + by, end=hit.end + by,
            parts=tuple(part._replace(start=part.start + by, end=part.end + by) for part in hit.parts),
        ) for hit in hits)  # fmt: skip
        rejected = tuple([one._replace(start=one.start + by, end=one.end + by) for one in rejected])
    return EngineResult(hits, rejected, unfinished)


def _path_matches(rule: Rule, path: str) -> bool:
    from detector.engine.confirm import compile_pattern

    return any(compile_pattern(pattern).search(path.encode("utf-8", "surrogateescape")) for pattern in rule.paths)


def _check_match(rule: Rule, data: bytes, match: Match, path: str) -> _Candidate | RejectedCandidate:
    value = bytes(data[match.secret_start : match.secret_end])
    confidence, bonus, structured = rule.confidence, 0, False
    evidence = [Evidence(f"matches the format: {rule.finds}")]
    state, why = _UNCHECKED, ""
    facts: tuple[tuple[str, str], ...] = ()
    if rule.checks:
        from detector.engine import checks  # not imported by a hook that finds nothing
    for name in rule.checks:
        check = checks.CHECKS[name]
        result = checks.run_check(name, value)
        facts += result.facts
        if result.valid is False:
            return RejectedCandidate(rule.id, match.secret_start, match.secret_end, check.invalid_text)
        if result.valid:
            state, why, confidence, bonus = _VALID_FORMAT, check.valid_text, _HIGH, 100
            structured = structured or check.structured
            evidence.append(Evidence(check.valid_text))
    if PASSPHRASE_PROTECTED in facts:
        confidence = _LOW
        evidence.append(Evidence("it is protected by a passphrase"))
    reason = (
        find_documented_sample(value, rule.placeholders)
        if structured
        else rejection_reason(value, rule.min_entropy, rule.placeholders)
    )
    if reason:
        return RejectedCandidate(rule.id, match.secret_start, match.secret_end, reason)
    if rule.reject_when:
        from detector.engine.conditions import is_met
    for reason, condition in rule.reject_when:
        if is_met(condition, data, match, path):
            return RejectedCandidate(rule.id, match.secret_start, match.secret_end, reason)
    verdict = Verdict(state, why, facts=facts)
    parts = []
    others: list[tuple[str, int, int]] = []
    for part in rule.companions:
        spans = find_companions(part, data, match)
        if spans:
            parts.append((part.name, *spans[0]))
            others += [(part.name, *span) for span in spans[1:]]
            evidence.append(Evidence(f"its {part.name.replace('-', ' ')} is nearby"))
        elif part.required:
            return RejectedCandidate(
                rule.id, match.secret_start, match.secret_end, f"no {part.name} within {part.within} bytes"
            )
    length = match.secret_end - match.secret_start
    rank = (rule.specificity + bonus, len(parts), length, rule.id)
    return _Candidate(rank, rule, match, tuple(parts), verdict, confidence, tuple(evidence), tuple(others))


def _keep_most_specific(found: list[_Candidate]) -> list[_Candidate]:
    """Keep the most specific of the candidates that share bytes, sorted by place.

    The one kept gets the higher confidence of both: an `Authorization` header of no
    known provider has low confidence by its format, and may have a high score.
    """
    if len(found) < 2:
        return found
    taken: list[tuple[int, int, int]] = []  # start, end, index into kept
    kept: list[_Candidate] = []
    for candidate in sorted(found, key=lambda c: (*(-n for n in c.rank[:3]), c.rank[3], c.match.secret_start)):
        start, end = candidate.match[2:4]
        at = bisect_right(taken, (start, end, len(kept)))
        holder = -1
        if at < len(taken) and taken[at][0] < end:
            holder = taken[at][2]
        elif at and taken[at - 1][1] > start:
            holder = taken[at - 1][2]
        if holder >= 0:
            kept[holder] = _raise_confidence(kept[holder], candidate)
            continue
        for first, last in ((start, end), *(part[1:] for part in candidate.parts)):
            insort(taken, (first, last, len(kept)))
        kept.append(candidate)
    kept.sort(key=lambda c: (c.match.secret_start, c.match.secret_end))
    return kept


def _raise_confidence(holder: _Candidate, other: _Candidate) -> _Candidate:
    """Return *holder* with the confidence and evidence of *other*, if that is higher for the same value."""
    same = holder.match[2:4] == other.match[2:4]
    if not same or CONFIDENCES.index(other.confidence) <= CONFIDENCES.index(holder.confidence):
        return holder
    evidence = (*holder.evidence, *other.evidence)
    return holder._replace(confidence=other.confidence, evidence=evidence, judgement=other.judgement)


def _drop_refuted(hits: list[Hit], rejected: list[RejectedCandidate]) -> list[Hit]:
    """Drop the generic credentials of which the rule of a provider knows that they are none.

    A name such as `token` says nothing against a documented sample or a wrong checksum.
    """
    refuted = [(one.start, one.end) for one in rejected if one.reason.startswith(REFUTATIONS)]
    if not refuted:
        return hits
    return [
        hit
        for hit in hits
        if not hit.rule.scored or not any(start < hit.end and hit.start < end for start, end in refuted)
    ]


def _make_hit(data: bytes, candidate: _Candidate) -> Hit:
    rule, match = candidate.rule, candidate.match
    return Hit(
        rule=rule,
        start=match.secret_start,
        end=match.secret_end,
        secret=Secret(bytes(data[match.secret_start : match.secret_end])),
        parts=tuple(
            Part(name, Secret(bytes(data[start:end])), start, end)
            for name, start, end in (*candidate.parts, *candidate.others)
        ),
        confidence=candidate.confidence,
        verdict=candidate.verdict,
        evidence=candidate.evidence,
        judgement=candidate.judgement,
    )
