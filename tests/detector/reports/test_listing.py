from __future__ import annotations

import pytest

from detector.model import Ignored, PlaceClass, Severity
from detector.reports._listing import count_findings, describe_ignored, format_age, list_groups, part_by_threshold
from tests.golden.sample import HOSTILE_AUTHOR, OPTIONS, scan


def to_text(lines: object) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)  # type: ignore[attr-defined]


def test_each_finding_is_one_line_in_its_group() -> None:
    found = scan().findings
    text = to_text(list_groups(found, OPTIONS))
    assert text.count("\n  ") == len(found) + text.count("\n         ")
    assert text.startswith("CRITICAL ")
    assert HOSTILE_AUTHOR not in text and "\x1b" not in text and "\u202e" not in text
    assert text.replace("\n", "").isprintable()


def test_a_place_of_the_named_class_is_shown() -> None:
    first = scan().findings[0]
    docs = first.locations[0]._replace(origin=first.locations[0].origin._replace(path="docs/a.md"))
    finding = first._replace(locations=(docs, *first.locations), place=PlaceClass.TEST)
    assert "tests/fixtures/login.json" in to_text(list_groups([finding], OPTIONS))


@pytest.mark.parametrize(
    ("when", "age"),
    [
        ("2025-01-31T09:00:00+02:00", "0d"),
        ("2024-12-01", "61d"),
        ("2024-11-01", "3mo"),
        ("2014-01-01", "11y"),
        ("x", "x"),
    ],
)
def test_an_age_is_told_in_a_word(when: str, age: str) -> None:
    told = format_age(when, "2025-01-31T12:00:00")
    assert told == age.replace("61d", "2mo")


def test_the_end_counts_severities_places_and_what_fails() -> None:
    text = to_text(count_findings(scan()))
    assert "critical" in text and "source" in text and "tests" in text
    assert "told only" in text
    assert to_text(count_findings(scan()._replace(findings=()))) == ""


def test_what_was_ignored_is_told_with_by_whom() -> None:
    one = scan().findings[0]
    found = scan()._replace(
        ignored=(
            Ignored(one, ".leakfirst.baseline"),
            Ignored(one, ".leakfirst.baseline"),
            Ignored(one, "mark\x1b[2J"),
            Ignored(one, "confidence low is below medium"),
        )
    )
    told = describe_ignored(found)
    assert told == "3 findings ignored (2 by .leakfirst.baseline, 1 by mark\\x1b[2J); 1 candidate of too low confidence"
    assert describe_ignored(scan()._replace(ignored=())) == ""


def test_findings_part_at_the_threshold() -> None:
    failing, below = part_by_threshold(scan().findings, Severity.HIGH)
    assert {one.severity for one in failing} == {"critical", "high"} and len(failing) + len(below) == 5
