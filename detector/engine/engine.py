"""The engine: bytes in, hits out.

Pass 1 (anchors.py) names places, pass 2 (confirm.py) looks at them, then
plausibility and checksums judge each candidate by itself, and where several
rules claim the same bytes the most specific one keeps them. No file, socket,
clock or setting is touched here, so a worker process builds an engine from a
pack in a millisecond and two scans of the same bytes are equal.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from detector.engine.anchors import Automaton, lengths
from detector.engine.confirm import BEYOND, Match, companion, matches, windows
from detector.engine.context_cache import FAR, Places, Reaches, Repeats, cuts
from detector.engine.decode import DEPTH, Budget, inline, layers, markers
from detector.engine.decode.merge import nearest, outside
from detector.engine.delta_reuse import Versions
from detector.engine.plausible import documented, why_not
from detector.engine.stored import Stored
from detector.model import (
    CONFIDENCES,
    Anchor,
    Confidence,
    Evidence,
    Hit,
    Part,
    RejectedCandidate,
    Rule,
    Verdict,
    VerdictState,
)
from detector.secret import Secret

SEPARATOR = b"\n\x00\n"
"""Put between small blobs that share one pass-1 call; no anchor contains it."""


class Examined(NamedTuple):
    """Everything that the engine says of one blob.

    `troubles` are texts: something that could not be examined to the end. They
    make a scan incomplete.
    """

    hits: tuple[Hit, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()
    troubles: tuple[str, ...] = ()


NOTHING = Examined()

LOCKED = ("encrypted", "yes")
"""What a check says of a key that is protected by a passphrase: no credential by itself."""

JUDGE = -1
"""In place of the index of a rule: an anchor of the judgement of generic credentials."""

KNOWN = 4096
"""Candidates that are known again."""

LONGEST = 4096
"""Bytes of the surroundings of one of them."""

_MARGIN = 256
"""Bytes that an expression may look at in front of where it starts and behind where it ends."""

_LOW, _HIGH = Confidence.LOW, Confidence.HIGH
_UNCHECKED, _VALID_FORMAT = VerdictState.UNCHECKED, VerdictState.VALID_FORMAT

_SAME = [(length, length) for length in range(256)]


class _Within(NamedTuple):
    """Where a text stands that was decoded: how deep, and where in the outermost text; what may still be decoded."""

    budget: Budget
    depth: int = 0
    place: tuple[int, int] | None = None


class _Candidate(NamedTuple):
    """A judged match, ranked: the larger `rank` keeps contested bytes."""

    rank: tuple[int, int, int, str]
    rule: Rule
    match: Match
    parts: tuple[tuple[str, int, int], ...]
    verdict: Verdict
    confidence: Confidence
    evidence: tuple[Evidence, ...]


class Engine:
    """All rules, ready to scan. Cheap to make from a pack, not thread-safe."""

    def __init__(
        self,
        rules: Sequence[Rule],
        anchors: Sequence[Anchor],
        users: Sequence[Sequence[int]],
        automaton: Automaton,
        widths: Sequence[tuple[int, int]] = (),
        marks: bytes = b"",
        judged: Sequence[int] | None = None,
    ) -> None:
        """*users[i]* lists the indexes of the rules that anchor *i* starts, *widths[i]* are its `lengths`.

        What the automaton reports beyond the anchors are markers of decoders:
        *marks* holds a byte for the code and one for the length of each. *judged* are
        the indexes of the rules without a format of their own, looked for if not given.
        """
        self.rules = rules
        self._judges = judged
        self._users = users
        self._lengths = [*(widths or map(lengths, anchors)), *map(_SAME.__getitem__, marks[1::2])]
        self._first_mark = len(users)
        self._codes = marks[::2]
        self._reach = max((longest for _, longest in self._lengths), default=0)
        self._automaton = automaton
        self._indexes: dict[str, int] = {}
        self._judged: dict[str, Rule] = {}
        self._reaches = Reaches(self._around)
        self._repeats = Repeats()
        self._known: dict[tuple[str, bytes, int, int, int], tuple[_Candidate | RejectedCandidate, int]] = {}

    def index_of(self, rule: Rule) -> int:
        """Return the index of *rule* in `rules`."""
        if not self._indexes:
            self._indexes = {rule.id: index for index, rule in enumerate(self.rules)}
        return self._indexes[rule.id]

    def scan(self, data: bytes, path: str = "") -> tuple[Hit, ...]:
        """Return the credentials in *data*, in order of their place."""
        return self.examine(data, path).hits

    def examine(self, data: bytes, path: str = "", *, keep_rejected: bool = False) -> Examined:
        """Return hits and, on request, what was looked at and let go."""
        hits = self._automaton.scan(data)
        return self._judge(data, path, hits, keep_rejected) if hits else NOTHING

    def examine_batch(
        self,
        blobs: Sequence[tuple[bytes, str, Stored | None]],
        *,
        keep_rejected: bool = False,
        seen: Versions | None = None,
    ) -> list[tuple[int, Examined]]:
        """Examine many ``(data, path, lineage)`` in one pass-1 call.

        Only blobs about which there is something to say are in the result, by
        index. The result is that of `examine` on each. *seen* remembers from
        batch to batch what earlier versions held.
        """
        seen = Versions() if seen is None else seen
        hits = self._automaton.scan(SEPARATOR.join(seen.unseen(blobs, self._reach, len(SEPARATOR))))
        results = []
        for index, found in seen.settle(hits, self._lengths):
            data, path, _ = blobs[index]
            examined = self._judge(data, path, found, keep_rejected)
            if examined != NOTHING:
                results.append((index, examined))
        return results

    # -- pass 2 and after ----------------------------------------------------

    def _judge(self, data: bytes, path: str, hits: Places, keep_rejected: bool) -> Examined:
        """Judge the places in *data* that pass 1 named, in cuts that have nothing to do with each other."""
        parts = []
        for cut in cuts(data, hits, self._reaches):
            examined = self._repeats.said(cut, path, self._judge_cut)
            if examined != NOTHING:
                parts.append(_moved(examined, cut.start, keep_rejected))
        if len(parts) == 1:
            return parts[0]
        return Examined(*(tuple(chain(*column)) for column in zip(*parts, strict=True))) if parts else NOTHING

    def _around(self, anchor: int) -> tuple[int, int]:
        """Return how far in front of its end and behind it what comes of a hit of *anchor* may depend on the text."""
        shortest, longest = self._lengths[anchor]
        if anchor >= self._first_mark:
            code = self._codes[anchor - self._first_mark]
            return (longest + inline.BEFORE, inline.AFTER) if code in markers.NEAR else (FAR, FAR)
        before = after = 0
        if self._users[anchor] != (JUDGE,):  # escapes are undone around it
            before, after = longest + inline.BEFORE, inline.AFTER
        for index in self._users[anchor]:
            if index == JUDGE:
                from detector.engine.scoring import AFTER, BEFORE

                before, after = max(before, longest, BEFORE), max(after, AFTER)
                continue
            rule = self.rules[index]
            if rule.reject_when:
                return FAR, FAR
            more = max((part.within for part in rule.companions), default=0) + _MARGIN
            before = max(before, longest + rule.window[0] + more)
            after = max(after, rule.window[1] - shortest + BEYOND + more)
        return before, after

    def _judge_cut(self, data: bytes, path: str, hits: Places, within: _Within | None = None) -> Examined:
        places: dict[int, list[tuple[int, int]]] = {}
        marks: list[tuple[int, int, int]] = []
        spots: set[tuple[int, int]] = set()
        for anchor, end in hits:
            if anchor >= self._first_mark:
                marks.append((self._codes[anchor - self._first_mark], end - self._lengths[anchor][0], end))
                continue
            shortest, longest = self._lengths[anchor]
            if self._users[anchor] != (JUDGE,):
                spots.add((end - longest, end))
            for index in self._users[anchor]:
                places.setdefault(index, []).append((end - longest, end - shortest))
        found: list[_Candidate] = []
        rejected: list[RejectedCandidate] = []
        troubles: list[str] = []
        if places.pop(JUDGE, None):
            ends = sorted({end for anchor, end in hits if anchor < self._first_mark and JUDGE in self._users[anchor]})
            self._weigh(data, path, ends, found, rejected)
        for index in sorted(places):
            rule = self.rules[index]
            if rule.paths and path and not _path_matches(rule, path):
                continue
            try:
                for start, end in windows(sorted(places[index]), *rule.window, len(data)):
                    for match in matches(rule, data, start, end):
                        candidate = self._considered(rule, data, match, path)
                        if isinstance(candidate, RejectedCandidate):
                            rejected.append(candidate)
                        else:
                            found.append(candidate)
            except TimeoutError:
                troubles.append(f"rule {rule.id} took too long and was not applied to the end")
        kept = [_hit(data, candidate) for candidate in _most_specific(found)]
        within = within or _Within(Budget(len(data)))
        if within.depth < DEPTH:
            kept = nearest(kept, self._decoded(data, path, marks, sorted(spots), within, rejected, troubles))
        return Examined(tuple(kept), tuple(rejected), tuple(troubles))

    def _considered(self, rule: Rule, data: bytes, match: Match, path: str) -> _Candidate | RejectedCandidate:
        """Return `_candidate` of *match*, known from before where all that it looks at stood in an earlier version."""
        if rule.reject_when:
            return _candidate(rule, data, match, path)
        reach = max((part.within + _MARGIN for part in rule.companions), default=0)
        low = max(0, min(match.start, match.secret_start - reach))
        near = bytes(data[low : max(match.end, match.secret_end + reach)])
        if len(near) > LONGEST:
            return _candidate(rule, data, match, path)
        name = rule.id, near, match.start - low, match.secret_start - low, match.secret_end - low
        told = self._known.get(name)
        if told is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            told = self._known[name] = _candidate(rule, data, match, path), low
        candidate, there = told
        by = low - there
        if isinstance(candidate, RejectedCandidate):
            return RejectedCandidate(rule.id, match.secret_start, match.secret_end, candidate.reason)
        parts = tuple([(part, start + by, end + by) for part, start, end in candidate.parts])
        return candidate._replace(match=match, parts=parts)

    def _decoded(
        self,
        data: bytes,
        path: str,
        marks: list[tuple[int, int, int]],
        spots: list[tuple[int, int]],
        within: _Within,
        rejected: list[RejectedCandidate],
        troubles: list[str],
    ) -> list[Hit]:
        """Examine what is encoded in *data*, and say where it stands here."""
        found: list[Hit] = []
        for layer in layers(data, marks, spots, within.budget, within.depth):
            place = within.place or layer.span
            if not within.budget.allows(layer, place):
                continue
            inner = _Within(within.budget, within.depth + 1, place)
            examined = self._judge_cut(layer.data, path, self._automaton.scan(layer.data), inner)
            found += [outside(hit, layer) for hit in examined.hits]
            for drop in examined.rejected:
                start, end = layer.outside(drop.start, drop.end)
                rejected.append(drop._replace(start=start, end=end))
            troubles += examined.troubles
        if within.budget.over and not within.depth:
            troubles.append("more encoded content than is decoded; the rest was not looked at")
        return found

    def _weigh(
        self, data: bytes, path: str, ends: list[int], found: list[_Candidate], rejected: list[RejectedCandidate]
    ) -> None:
        """Judge what has no format of its own, and put it with the rest."""
        from detector.engine.scoring import judge

        if not self._judged:
            rules = self.rules if self._judges is None else map(self.rules.__getitem__, self._judges)
            self._judged = {rule.id: rule for rule in rules if rule.scored}
        for judged in judge(data, ends, path):
            rule = self._judged.get(judged.rule_id)
            if rule is None:
                continue
            if judged.confidence is None:
                reason, evidence = judged.rejection_reason, judged.evidence
                rejected.append(RejectedCandidate(rule.id, judged.start, judged.end, reason, evidence))
                continue
            match = Match(judged.start, judged.end, judged.start, judged.end)
            rank = (rule.specificity, 0, judged.end - judged.start, rule.id)
            found.append(_Candidate(rank, rule, match, (), Verdict(), judged.confidence, judged.evidence))


def _moved(examined: Examined, by: int, keep_rejected: bool) -> Examined:
    """Return *examined*, said of a cut, as it stands in the text that begins *by* bytes earlier."""
    hits, rejected, troubles = examined
    if not keep_rejected:
        rejected = ()
    if by:
        hits = tuple(hit._replace(
            start=hit.start + by, end=hit.end + by,
            parts=tuple(part._replace(start=part.start + by, end=part.end + by) for part in hit.parts),
        ) for hit in hits)  # fmt: skip
        rejected = tuple(
            [RejectedCandidate(rule, start + by, end + by, why, facts) for rule, start, end, why, facts in rejected]
        )
    return Examined(hits, rejected, troubles)


def _path_matches(rule: Rule, path: str) -> bool:
    from detector.engine.confirm import compiled

    return any(compiled(pattern).search(path.encode("utf-8", "surrogateescape")) for pattern in rule.paths)


def _candidate(rule: Rule, data: bytes, match: Match, path: str) -> _Candidate | RejectedCandidate:
    value = bytes(data[match.secret_start : match.secret_end])
    confidence, bonus, structured = rule.confidence, 0, False
    evidence = [Evidence(f"has the form of: {rule.finds}")]
    state, why = _UNCHECKED, ""
    facts: tuple[tuple[str, str], ...] = ()
    if rule.checks:
        from detector.engine import checks  # a hook that finds nothing does without
    for name in rule.checks:
        check = checks.CHECKS[name]
        proof = checks.verify(name, value)
        facts += proof.facts
        if proof.proven is False:
            return RejectedCandidate(rule.id, match.secret_start, match.secret_end, check.denies)
        if proof.proven:
            state, why, confidence, bonus = _VALID_FORMAT, check.proves, _HIGH, 100
            structured = structured or check.structured
            evidence.append(Evidence(check.proves))
    if LOCKED in facts:
        confidence = _LOW
        evidence.append(Evidence("it cannot be used without its passphrase"))
    reason = documented(value, rule.placeholders) if structured else why_not(value, rule.min_entropy, rule.placeholders)
    if reason:
        return RejectedCandidate(rule.id, match.secret_start, match.secret_end, reason)
    if rule.reject_when:
        from detector.engine.conditions import holds
    for told, condition in rule.reject_when:
        if holds(condition, data, match, path):
            return RejectedCandidate(rule.id, match.secret_start, match.secret_end, told)
    verdict = Verdict(state, why, facts=facts)
    parts = []
    for part in rule.companions:
        span = companion(part, data, match)
        if span:
            parts.append((part.name, *span))
            evidence.append(Evidence(f"its {part.name.replace('-', ' ')} stands near"))
        elif part.required:
            return RejectedCandidate(
                rule.id, match.secret_start, match.secret_end, f"no {part.name} within {part.within} bytes"
            )
    length = match.secret_end - match.secret_start
    rank = (rule.specificity + bonus, len(parts), length, rule.id)
    return _Candidate(rank, rule, match, tuple(parts), verdict, confidence, tuple(evidence))


def _most_specific(found: list[_Candidate]) -> list[_Candidate]:
    """Keep, of candidates that share bytes, the most specific; sorted by place.

    One that gives way lends its confidence: an `Authorization` header of no
    particular issuer is weak by its form, and may be strong by its evidence.
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
            kept[holder] = _strengthened(kept[holder], candidate)
            continue
        for first, last in ((start, end), *(part[1:] for part in candidate.parts)):
            insort(taken, (first, last, len(kept)))
        kept.append(candidate)
    kept.sort(key=lambda c: (c.match.secret_start, c.match.secret_end))
    return kept


def _strengthened(holder: _Candidate, other: _Candidate) -> _Candidate:
    """Return *holder* with the confidence and evidence of *other*, if that is surer of the same value."""
    same = holder.match[2:4] == other.match[2:4]
    if not same or CONFIDENCES.index(other.confidence) <= CONFIDENCES.index(holder.confidence):
        return holder
    return holder._replace(confidence=other.confidence, evidence=(*holder.evidence, *other.evidence))


def _hit(data: bytes, candidate: _Candidate) -> Hit:
    rule, match = candidate.rule, candidate.match
    return Hit(
        rule=rule,
        start=match.secret_start,
        end=match.secret_end,
        secret=Secret(bytes(data[match.secret_start : match.secret_end])),
        parts=tuple(Part(name, Secret(bytes(data[start:end])), start, end) for name, start, end in candidate.parts),
        confidence=candidate.confidence,
        verdict=candidate.verdict,
        evidence=candidate.evidence,
    )
