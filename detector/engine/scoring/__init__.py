"""Score credentials that have no format of their own.

A password in a YAML file and a hex key in a constructor call have nothing in
common but their surroundings: the name of the field, the operator, the quotes,
the line. So there is no pattern per service. Pass 1 finds the expressions of
`anchors`; `declarations` reads names and values around each hit; `rejection` drops
what is certainly no credential, with a reason; `features` lists the properties of
the rest; `weights` holds the log-odds of each feature, and their sum is the score.
Everything is a pure function of the bytes and the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import exp
from typing import NamedTuple

from detector.engine.declarations import MANIFEST, Candidate, read_declarations
from detector.engine.scoring.explanation import describe_judgement
from detector.engine.scoring.features import (
    SEVERAL_WORDS,
    STAND_IN,
    CandidateContext,
    describe_quotes,
    list_features,
    list_file_features,
)
from detector.engine.scoring.field_names import FieldName, read_name
from detector.engine.scoring.file_kinds import ALL_FILE_TYPES, UNKNOWN_FILE, FileType, read_path
from detector.engine.scoring.rejection import rejection_reason
from detector.engine.scoring.value_kinds import name_kind
from detector.engine.scoring.weights import PRIOR, WEIGHTS
from detector.model import Confidence, Evidence, Judgement

HIGH, MEDIUM, LOW = 0.85, 0.4, 0.2
"""Lowest score of each confidence; below `LOW` a candidate is rejected."""

_GRADES = ((HIGH, Confidence.HIGH), (MEDIUM, Confidence.MEDIUM), (LOW, Confidence.LOW))

MANUAL_WEIGHTS = {"found by crypt": 1.5, SEVERAL_WORDS: 7.0}
"""Log-odds set by hand where the labelled files hold too few examples: the format of a salted hash is evidence."""

MAX_SHOWN = 3
"""How many features for and how many against are reported as evidence."""

_WEIGHTS = {**WEIGHTS, **MANUAL_WEIGHTS}
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\r\f\x1b"})
_NAMING = re.compile(rb"(?i)pass|pwd|secret|token|key|cred|auth|login|ident|://|[$]")
_BEFORE, _AFTER = 400, 1200
BEFORE, AFTER = _BEFORE + 128, _AFTER + _BEFORE + 128
"""Bytes before and after an anchor hit that the score may depend on."""
_HASH = re.compile(
    rb"\$(?:[1567y]|gy|md5|sha1|apr1|2[abxy]|argon2\w{1,2}|scrypt|bcrypt-sha256|pbkdf2[\w\-]{0,12}|P|H|S)\$[\w./$=,+\-]{16,}\Z"
    rb"|pbkdf2[:_][\w:$.]{4,40}\$[\w./+\-]{4,64}\$[A-Za-z0-9+/=]{16,}\Z|\{(?:CRYPT|S?(?:SHA|MD5)\d{0,3})\}\S{16,}\Z"
)
HASH_RULE = "generic.password-hash"
_TOKEN_NAMES = ("token", "access token", "authorization")
_RULE_OF_NAME = {
    "password": "generic.password", "pwd": "generic.password", "pass": "generic.password",
    "passphrase": "generic.password", "secret": "generic.secret", "client secret": "generic.secret",
    "secret key": "generic.secret", "jwt": "generic.secret", "api key": "generic.api-key", "key": "generic.key",
    "private key": "generic.key", "crypto key": "generic.key", "public key": "generic.key",
    "structural key": "generic.key", "key id": "generic.key",
}  # fmt: skip
_RULE_OF_WAY = {
    "header": "generic.auth-header", "url": "generic.url-credentials", "dsn": "generic.connection-string",
    "flag": "generic.cli-password", "user-flag": "generic.cli-password", "sql": "generic.sql-password",
    "netrc": "generic.password", "crypt": HASH_RULE,
}  # fmt: skip


class ScoredCandidate(NamedTuple):
    """A candidate and its score; offsets are bytes into the data.

    `confidence` is None for a rejected candidate, and `rejection_reason` says why.
    `evidence` holds the largest weights for and against; `score` is the probability
    that follows from all of them. `judgement` says the same in words.
    """

    rule_id: str
    start: int
    end: int
    score: float
    confidence: Confidence | None
    evidence: tuple[Evidence, ...] = ()
    rejection_reason: str = ""
    judgement: Judgement | None = None


class CandidateFeatures(NamedTuple):
    """A candidate before it is scored: either the reason to reject it or its features."""

    candidate: Candidate
    name: FieldName
    value: bytes
    reason: str
    features: list[str]


def score_candidates(data: bytes, hits: Iterable[int], path: str = "") -> list[ScoredCandidate]:
    """Score the candidates around *hits*, the sorted offsets at which an anchor of `anchors` ended.

    A value that can be read in several ways gets the highest of the scores. The
    result is sorted by place and includes rejected candidates.
    """
    file = read_path(path)
    best: dict[tuple[int, int], ScoredCandidate] = {}
    for first, last in split_windows(data, hits):
        for start, end, scored in _score_lines(bytes(data[first:last]), file):
            place = start + first, end + first
            if place not in best or scored.score > best[place].score:
                best[place] = scored._replace(start=place[0], end=place[1])
    return [best[place] for place in sorted(best)]


def extract_features(data: bytes, hits: Iterable[int], path: str = "") -> Iterator[tuple[int, CandidateFeatures]]:
    """Yield all candidates around *hits* with their features; `training/fit.py` uses this.

    Each comes with the offset that its own offsets count from.
    """
    file = read_path(path)
    for first, last in split_windows(data, hits):
        for assessed in read_candidates(bytes(data[first:last]), file):
            yield first, assessed


def split_windows(data: bytes, hits: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the spans to read around *hits*: whole lines, up to a bound.

    A name may stand some lines above its value: where the line of a hit names no
    credential, the lines in front of it belong to the span, and where it is a row
    below a header, the rows below belong to it as well.
    """
    reached = 0
    for hit in hits:
        if hit < reached:
            continue
        first = _find_line_start(data, hit - 1, _BEFORE)
        last = data.find(b"\n", hit, hit + _AFTER)
        last = last if last >= 0 else min(len(data), hit + _AFTER)
        if not _NAMING.search(data, first, hit):
            above = max(hit - _BEFORE, 0)
            first = max(_find_line_start(data, above, 120) if above else 0, min(first, reached))
            if any(sign in data[hit - 1 : last] for sign in (b",", b";", b"|", b"\t")):
                last = max(last, data.rfind(b"\n", hit, hit + _AFTER))
        elif hit - first < 40:  # the value may stand on the line below its name
            first = max(_find_line_start(data, first - 1, 120), min(first, reached))
        if data.rfind(b"[", first, last) > data.rfind(b"]", first, last):
            last = max(last, data.find(b"]", last, last + _BEFORE))  # the list goes on below
        if MANIFEST.search(data[first:last].lower()):
            first = max(_find_line_start(data, max(hit - _BEFORE, 0), 120), min(first, reached))
            last = max(last, data.rfind(b"\n", hit, hit + _AFTER))
        reached = last + 1 if last - hit < _AFTER else last - _BEFORE
        yield first, last


@lru_cache(maxsize=8192)
def _score_lines(text: bytes, file: FileType) -> tuple[tuple[int, int, ScoredCandidate], ...]:
    # cached, because the versions of a file in a history repeat most of their lines
    if looks_binary(text):
        return ()
    rows = _widen_signed_tokens(list(read_candidates(text, file)))
    return tuple([(row.candidate.start, row.candidate.end, _score(row, file.kind)) for row in rows])


def _widen_signed_tokens(rows: list[CandidateFeatures]) -> list[CandidateFeatures]:
    """Return *rows*; a signature inside the JSON text of a token becomes that whole text: a part opens nothing."""
    tokens = [row.candidate for row in rows if row.name.kind in _TOKEN_NAMES and row.value[:1] == b"{"]
    if not tokens:
        return rows
    return [
        row._replace(candidate=row.candidate._replace(start=outer.start, end=outer.end))
        if row.name.kind == "signature" and (outer := _find_around(tokens, row.candidate))
        else row
        for row in rows
    ]


def _find_around(outers: list[Candidate], inner: Candidate) -> Candidate | None:
    return next((outer for outer in outers if outer.start < inner.start and inner.end < outer.end), None)


def looks_binary(text: bytes) -> bool:
    """Return whether *text* is compressed or encrypted data.

    Every archive contains `pw:` somewhere by chance. Text in an old encoding has
    letters that are not UTF-8, but no control characters.
    """
    if text.isascii():
        return False
    size = len(text)
    controls = size - len(text.translate(None, _CONTROLS))
    return controls * 40 > size and text.decode("utf-8", "replace").count("\N{REPLACEMENT CHARACTER}") * 10 > size


def read_candidates(text: bytes, file: FileType) -> Iterator[CandidateFeatures]:
    """Yield every candidate in *text*, lines of a *file*, with its features."""
    low = text.lower()
    for candidate in read_declarations(text, low, file.kind):
        value = text[candidate.start : candidate.end]
        inside = is_in_string(low, candidate)
        name = read_name(candidate.name)
        before = low[max(0, candidate.at - 2) : candidate.at]
        kind = "configuration" if file is UNKNOWN_FILE else file.kind  # in these, unquoted values are most likely
        small = low[candidate.start : candidate.end]
        reason = rejection_reason(candidate, name, value, small, kind, inside, before) or name_kind(
            candidate, name, value, small, low
        )
        here = choose_file_type(candidate.way, describe_quotes(candidate.quote)) if file is UNKNOWN_FILE else file
        features = [] if reason else list_features(candidate, name, value, CandidateContext(low, here, inside))
        yield CandidateFeatures(candidate, name, value, reason, features)


@lru_cache(maxsize=256)
def choose_file_type(way: str, quoted: str) -> FileType:
    """Return the type of file in which such a candidate is most likely to be a credential."""

    def weigh(file: FileType) -> float:
        return sum(_WEIGHTS.get(feature, 0.0) for feature in list_file_features(way, quoted, file))

    return max(ALL_FILE_TYPES, key=weigh)


def _find_line_start(data: bytes, at: int, reach: int) -> int:
    found = data.rfind(b"\n", max(0, at - reach), max(0, at))
    return found + 1 if found >= 0 else max(0, at - reach)


def is_in_string(low: bytes, candidate: Candidate) -> bool:
    """Return whether the name of *candidate* is inside a string literal of its line."""
    before = low[low.rfind(b"\n", 0, candidate.at) + 1 : candidate.at]
    if candidate.quote[:1] == b"\\":
        return True
    opener = before[-1:]
    stop = candidate.at + len(candidate.name)
    if opener in (b'"', b"'", b"`") and (candidate.quote or opener == low[stop : stop + 1]) and opener:
        before = before[:-1]
    return bool(
        (before.count(b'"') - before.count(b'\\"')) & 1
        or (before.count(b"'") - before.count(b"\\'")) & 1
        or before.count(b"`") & 1
    )


def _score(assessed: CandidateFeatures, kind: str) -> ScoredCandidate:
    candidate = assessed.candidate
    start, end = candidate.start, candidate.end
    rule = HASH_RULE if is_password_hash(assessed.value) else choose_rule(candidate, assessed.name)
    if assessed.reason:
        judgement = describe_judgement(candidate, assessed.name, assessed.value, kind)
        return ScoredCandidate(rule, start, end, 0.0, None, (), assessed.reason, judgement)
    weighted = [(weight, feature) for feature in assessed.features if (weight := _WEIGHTS.get(feature))]
    total = PRIOR + sum(weight for weight, _ in weighted)
    score = _to_probability(total)
    capped = STAND_IN in assessed.features and score >= MEDIUM
    score = MEDIUM - 0.01 if capped else score
    confidence = _grade(score)
    weighted.sort()
    shown = [Evidence(feature, weight) for weight, feature in reversed(weighted[-MAX_SHOWN:]) if weight > 0]
    shown += [Evidence(feature, weight) for weight, feature in weighted[:MAX_SHOWN] if weight < 0]
    if capped:
        shown.append(Evidence(STAND_IN))
    reason = "" if confidence else "more evidence against than for"
    judgement = describe_judgement(candidate, assessed.name, assessed.value, kind, assessed.features)._replace(
        total=round(total, 2), decisive="" if capped else _find_decisive(weighted, total)
    )
    return ScoredCandidate(rule, start, end, score, confidence, tuple(shown), reason, judgement)


def _find_decisive(weighted: list[tuple[float, str]], total: float) -> str:
    """Return the strongest fact without which the grade would be lower, or of a rejected candidate higher."""
    if not weighted:
        return ""
    grade = _grade(_to_probability(total))
    weight, feature = weighted[-1] if grade else weighted[0]
    return feature if (weight > 0) == bool(grade) and _grade(_to_probability(total - weight)) != grade else ""


def _to_probability(total: float) -> float:
    return 1 / (1 + exp(-total))


def is_password_hash(value: bytes) -> bool:
    """Return whether *value* is a salted hash of a password, whatever the name in front of it.

    >>> is_password_hash(b"$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + 20 * b"x"), is_password_hash(b"$ecret$11")
    (True, False)
    """
    return value[:1] in b"$p{" and bool(_HASH.match(value))


def _grade(score: float) -> Confidence | None:
    for least, confidence in _GRADES:
        if score >= least:
            return confidence
    return None


def choose_rule(candidate: Candidate, name: FieldName) -> str:
    """Return the id of the rule under which *candidate* is reported."""
    return (
        _RULE_OF_WAY.get(candidate.way)
        or _RULE_OF_NAME.get(name.kind)
        or ("generic.token" if name.kind.endswith("token") else "generic.credential")
    )
