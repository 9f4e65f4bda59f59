from __future__ import annotations

import pytest

from detector.model import (
    SEVERITIES,
    Confidence,
    Finding,
    Judgement,
    Location,
    Origin,
    PlaceClass,
    Rule,
    Severity,
    Verdict,
    VerdictState,
    fails,
)
from detector.scan.severity import KnownPlaces, assess
from detector.secret import Secret

PROVIDER = Rule("acme.key", "Acme key", service="Acme", severity=Severity.CRITICAL, confidence=Confidence.HIGH)
GUESS = Rule("generic.password", "password", service="any service", severity=Severity.HIGH, scored=True)
PEM = Rule("private-key.pem", "private key", service="Private keys", severity=Severity.CRITICAL)
LEAK = Rule("exposure.npmrc", "file", service="published content", severity=Severity.CRITICAL, published=True)
PROVEN = Verdict(VerdictState.VALID_FORMAT, "the checksum is right")
CERTAIN = Judgement("assigned", "api key", "32 hex digits", is_name_certain=True, is_value_random=True)
UNCHECKED = Verdict()
VALUE = Secret(b"a value that is nowhere else")


def at(path: str, kind: str = "worktree") -> Location:
    stored = None if kind in ("worktree", "stdin") else "1" * 40
    return Location(Origin(kind, path, object_id=stored), 0, 1, 1, 1, 1, 2)


def found(rule: Rule, *places: Location, state: Verdict = UNCHECKED, confidence: str = "high") -> Finding:
    grade = Confidence(confidence)
    return Finding("lf1:1", rule, rule.severity, grade, VALUE, (), places or (at("src/a.py"),), state)


@pytest.mark.parametrize(
    ("finding", "severity", "words"),
    [
        (found(PROVIDER, state=PROVEN), "critical", "format is proven: the checksum is right"),
        (found(PROVIDER, at("tests/a.py"), state=PROVEN), "high", "one step lower: stands only in tests"),
        (found(PROVIDER, at("a.py", "unreachable"), state=PROVEN), "medium", "no branch or tag reaches it"),
        (found(PROVIDER), "high", "nothing in it proves it"),
        (found(PROVIDER, at("README.md")), "medium", "one step lower: stands only in documentation"),
        (found(PROVIDER._replace(severity=Severity.LOW), state=PROVEN), "low", "its harm is low"),
        (found(PEM, state=PROVEN), "high", "not who trusts it"),
        (found(PEM, at("test/key.pem"), state=PROVEN), "low", "two steps lower"),
        (found(GUESS), "medium", "a guess"),
        (found(GUESS)._replace(judgement=CERTAIN), "high", "its name is certain and its value is random"),
        (found(GUESS, at("spec/a.rb"))._replace(judgement=CERTAIN), "low", "two steps lower: stands only in tests"),
        (found(GUESS, at("vendor/a.go")), "low", "one step lower: stands only in vendored code"),
        (found(GUESS, confidence="low")._replace(judgement=CERTAIN), "low", "little evidence"),
        (found(PROVIDER, at("tests/a.py"), state=Verdict(VerdictState.LIVE)), "critical", "its provider accepts it"),
        (found(PROVIDER, state=Verdict(VerdictState.DEAD)), "low", "its provider refuses it"),
        (found(LEAK, at("pkg.tgz!test/.npmrc", "archive")), "critical", "part of what is published"),
    ],
)
def test_severity_is_harm_times_belief_times_place(finding: Finding, severity: str, words: str) -> None:
    told = assess(finding)
    assert told.severity == severity
    assert words in told.severity_reason


def test_the_most_exposed_place_counts() -> None:
    places = at("tests/a.py"), at("docs/a.md"), at("src/a.py", "blob")
    told = assess(found(PROVIDER, *places, state=PROVEN))
    assert (told.severity, told.place) == ("critical", PlaceClass.SOURCE)
    told = assess(found(PROVIDER, *places[:2], state=PROVEN))
    assert (told.severity, told.place) == ("high", PlaceClass.TEST)


def test_critical_is_only_what_stands_in_a_current_version() -> None:
    old = found(PROVIDER, at("src/a.py", "blob"), state=PROVEN)
    told = assess(old, KnownPlaces({}))
    assert told.severity == "high" and "only in the history" in told.severity_reason
    assert assess(old, KnownPlaces({VALUE: [PlaceClass.SOURCE]})).severity == "critical"
    assert assess(old, KnownPlaces({VALUE: [PlaceClass.TEST]})).severity == "high"
    assert assess(old).severity == "critical", "nobody looked at the tips: new commits in a hook"


def test_folders_above_what_was_scanned_say_nothing() -> None:
    known = KnownPlaces(None, ("/home/me/tests/shop",))
    assert assess(found(PROVIDER, at("/home/me/tests/shop/src/a.py"), state=PROVEN), known).severity == "critical"
    assert assess(found(PROVIDER, at("/home/me/tests/shop/test/a.py"), state=PROVEN), known).severity == "high"
    assert assess(found(PROVIDER, at("../tests/a.py"), state=PROVEN)).severity == "critical"
    whole = KnownPlaces(None, ("/", "."))
    assert assess(found(PROVIDER, at("/tests/a.py"), state=PROVEN), whole).severity == "high"


def test_a_proven_key_of_a_provider_never_falls_below_the_default_threshold() -> None:
    for severity in (Severity.CRITICAL, Severity.HIGH):
        for place in ("tests/a", "docs/a.md", "examples/a", "vendor/a", "dist/a.js", "a"):
            for kind in ("worktree", "blob", "stdin"):
                rule = PROVIDER._replace(severity=severity)
                told = assess(found(rule, at(place, kind), state=PROVEN), KnownPlaces({}))
                assert fails(told, "medium"), (severity, place, kind)


def test_a_finding_without_a_place_counts_as_source() -> None:
    assert assess(found(GUESS)._replace(locations=())).severity == "medium"


def test_a_finding_fails_from_the_threshold_on() -> None:
    for at_least, threshold in enumerate(SEVERITIES):
        for number, severity in enumerate(SEVERITIES):
            assert fails(found(GUESS)._replace(severity=severity), threshold) == (number >= at_least)
