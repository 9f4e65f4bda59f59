"""Judge credentials that have no format of their own.

A password in a YAML file and a hex key in a constructor call have nothing in
common but the company they keep: the name of the field, the operator, the
quotes, the line. So there is no pattern per service here. Pass 1 fires on the
expressions of `gate`; `generate` reads names and values around each place;
`veto` drops what is certainly none, with a reason; `facts` names the evidence
for the rest; `weights` holds one log-odds figure per fact, and their sum is the
verdict. Everything is a pure function of the bytes and the path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp
from typing import NamedTuple

from detector.engine.judge.facts import Place, facts_of
from detector.engine.judge.files import read_path
from detector.engine.judge.generate import Candidate, candidates
from detector.engine.judge.names import Name, read_name
from detector.engine.judge.veto import why_not
from detector.engine.judge.weights import PRIOR, WEIGHTS
from detector.model import Evidence

HIGH, MEDIUM, LOW = 0.8, 0.4, 0.2
"""Least score of each grade; below `LOW` a candidate is dropped."""

GIVEN = {"found by crypt": 1.5}
"""Log-odds set by hand, where the labelled files hold too little: a salted password hash shows by its form."""

SHOWN = 3
"""How many facts for and how many against are handed on with a verdict."""

_ALL = {**WEIGHTS, **GIVEN}
_BEFORE, _AFTER = 400, 1200
_FAMILIES = {
    "password": "generic.password", "pwd": "generic.password", "pass": "generic.password",
    "passphrase": "generic.password", "secret": "generic.secret", "client secret": "generic.secret",
    "secret key": "generic.secret", "jwt": "generic.secret", "api key": "generic.api-key", "key": "generic.key",
    "private key": "generic.key", "crypto key": "generic.key", "public key": "generic.key",
    "structural key": "generic.key", "key id": "generic.key",
}  # fmt: skip
_WAYS = {
    "header": "generic.auth-header", "url": "generic.url-credentials", "dsn": "generic.connection-string",
    "flag": "generic.cli-password", "user-flag": "generic.cli-password", "sql": "generic.sql-password",
    "netrc": "generic.password", "crypt": "generic.password-hash",
}  # fmt: skip


class Judged(NamedTuple):
    """A candidate and what came of it; offsets are bytes into the data.

    `confidence` is None for a candidate that was dropped, and `dropped_reason`
    says why then. `evidence` holds the largest contributions for and against,
    in log-odds; `score` is the probability their full sum stands for.
    """

    rule_id: str
    start: int
    end: int
    score: float
    confidence: str | None
    evidence: tuple[Evidence, ...] = ()
    dropped_reason: str = ""


class Seen(NamedTuple):
    """A candidate before the sum: where it stands and what is to be said of it."""

    candidate: Candidate
    offset: int
    name: Name
    value: bytes
    reason: str
    facts: list[str]


def judge(data: bytes, hits: Iterable[int], path: str = "") -> list[Judged]:
    """Judge the candidates around *hits*, the offsets at which an anchor of `gate` ended.

    Every value is judged once, by the reading that speaks most for it. The
    result is in order of place and holds dropped candidates too.
    """
    best: dict[tuple[int, int], Judged] = {}
    for seen in examine(data, hits, path):
        judged = _weigh(seen)
        key = judged.start, judged.end
        if key not in best or judged.score > best[key].score:
            best[key] = judged
    return [best[key] for key in sorted(best)]


def examine(data: bytes, hits: Iterable[int], path: str = "") -> list[Seen]:
    """Return all candidates around *hits* with their facts; the fit reads these as well."""
    file = read_path(path)
    config = file.kind == "configuration"
    found: list[tuple[int, bytes, Candidate, Name, bytes, str, bool]] = []
    done: set[tuple[int, int, int]] = set()
    for start, stop, first, last in windows(data, hits):
        text = data[start:stop]
        low = text.lower()
        for candidate in candidates(text, low, first - start, last - start, config):
            key = candidate.at + start, candidate.start + start, candidate.end + start
            if key in done:
                continue
            done.add(key)
            value = text[candidate.start : candidate.end]
            inside = in_string(low, candidate)
            name = read_name(candidate.name)
            value_low = low[candidate.start : candidate.end]
            reason = why_not(candidate, name, value, value_low, file.kind, inside, low[candidate.at - 1 : candidate.at])
            found.append((start, low, candidate, name, value, reason, inside))
    result = []
    for start, low, candidate, name, value, reason, inside in found:
        said: list[str] = []
        if not reason:
            begin = low.rfind(b"\n", 0, candidate.at) + 1
            end = low.find(b"\n", candidate.end)
            line = begin, end if end >= 0 else len(low)
            said = facts_of(candidate, name, value, Place(low, line, file, inside))
        result.append(Seen(candidate, start, name, value, reason, said))
    return result


def windows(data: bytes, hits: Iterable[int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield ``(start, stop, first, last)``: text to look at, and the lines in it to read.

    The lines of a hit are read whole up to a bound; the line before and after
    serve as surroundings.
    """
    reached = 0
    for hit in hits:
        if hit < reached:
            continue
        first = _line_start(data, hit - 1, _BEFORE)
        if hit - first < 40:  # the value may stand on the line below its name
            first = _line_start(data, first - 1, 120)
        last = data.find(b"\n", hit, hit + _AFTER)
        last = last if last >= 0 else min(len(data), hit + _AFTER)
        if data.rfind(b"[", first, last) > data.rfind(b"]", first, last):
            last = max(last, data.find(b"]", last, last + _BEFORE))  # the list goes on below
        reached = last + 1 if last - hit < _AFTER else last - _BEFORE
        yield max(0, first - 240), min(len(data), last + 160), first, last


def _line_start(data: bytes, at: int, reach: int) -> int:
    found = data.rfind(b"\n", max(0, at - reach), max(0, at))
    return found + 1 if found >= 0 else max(0, at - reach)


def in_string(low: bytes, candidate: Candidate) -> bool:
    """Tell whether the name of *candidate* stands inside a string literal of its line."""
    before = low[low.rfind(b"\n", 0, candidate.at) + 1 : candidate.at]
    if candidate.quote[:1] == b"\\":
        return True
    opener = before[-1:]
    if opener in (b'"', b"'", b"`") and candidate.quote and opener:
        before = before[:-1]
    return bool(
        (before.count(b'"') - before.count(b'\\"')) & 1
        or (before.count(b"'") - before.count(b"\\'")) & 1
        or before.count(b"`") & 1
    )


def _weigh(seen: Seen) -> Judged:
    candidate = seen.candidate
    start, end = seen.offset + candidate.start, seen.offset + candidate.end
    rule = rule_of(candidate, seen.name)
    if seen.reason:
        return Judged(rule, start, end, 0.0, None, (), seen.reason)
    said = [(weight, fact) for fact in seen.facts if (weight := _ALL.get(fact))]
    total = PRIOR + sum(weight for weight, _ in said)
    score = 1 / (1 + exp(-total))
    confidence = "high" if score >= HIGH else "medium" if score >= MEDIUM else "low" if score >= LOW else None
    said.sort()
    shown = [Evidence(fact, weight) for weight, fact in reversed(said[-SHOWN:]) if weight > 0]
    shown += [Evidence(fact, weight) for weight, fact in said[:SHOWN] if weight < 0]
    reason = "" if confidence else "more evidence against than for"
    return Judged(rule, start, end, score, confidence, tuple(shown), reason)


def rule_of(candidate: Candidate, name: Name) -> str:
    """Return the id of the rule that a finding of *candidate* is reported under."""
    return (
        _WAYS.get(candidate.way)
        or _FAMILIES.get(name.kind)
        or ("generic.token" if name.kind.endswith("token") else "generic.credential")
    )
