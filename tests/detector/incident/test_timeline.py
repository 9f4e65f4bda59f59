"""Properties of the times of an incident, for any instants."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detector.incident.timeline import (
    MILESTONES,
    MilestoneTimes,
    compute_deadline,
    format_duration,
    format_elapsed,
    format_time,
    format_time_left,
    has_passed,
    list_due_warnings,
    parse_time,
)

INSTANTS = st.integers(0, 4_000_000_000).map(format_time)
SPANS = st.integers(60, 400 * 86400)
WARNINGS = st.lists(st.integers(1, 500 * 86400), max_size=5)


@given(st.floats(0, 4e9))
def test_a_time_survives_formatting_and_parsing(seconds: float) -> None:
    assert parse_time(format_time(seconds)) == int(seconds)


@given(INSTANTS, SPANS, WARNINGS, st.integers(-86400, 500 * 86400), st.integers(0, 86400))
def test_a_warning_that_is_due_stays_due(found: str, span: int, warnings: list[int], since: int, later: int) -> None:
    end, now = compute_deadline(found, span), parse_time(found) + since
    before = list_due_warnings(found, end, now, warnings)
    after = list_due_warnings(found, end, now + later, warnings)
    assert before == after[: len(before)] == tuple(range(1, len(before) + 1))


@given(INSTANTS, SPANS, WARNINGS)
def test_there_is_a_warning_before_the_deadline(found: str, span: int, warnings: list[int]) -> None:
    end = compute_deadline(found, span)
    just_before = list_due_warnings(found, end, parse_time(end) - 0.5, warnings)
    assert just_before, "at least one"
    assert len(list_due_warnings(found, end, parse_time(end), warnings)) == len(just_before) + 1
    assert not list_due_warnings(found, end, parse_time(found), warnings), "and not at once"


@given(INSTANTS, SPANS, st.integers(-86400, 500 * 86400))
def test_the_deadline_passes_once(found: str, span: int, since: int) -> None:
    end, now = compute_deadline(found, span), parse_time(found) + since
    assert has_passed(end, now) == (since >= span)
    assert format_time_left(end, now).endswith("overdue" if since >= span else "left")


@given(st.lists(st.one_of(st.none(), INSTANTS), min_size=5, max_size=5), INSTANTS)
def test_latest_is_the_last_milestone_reached(others: list[str | None], found: str) -> None:
    times = MilestoneTimes(found, *others)
    reached = [name for name, at in zip(MILESTONES, times, strict=True) if at is not None and name != "used"]
    assert times.latest == reached[-1]


@given(INSTANTS, INSTANTS)
def test_a_duration_is_never_negative(one: str, other: str) -> None:
    assert "-" not in format_elapsed(one, other)
    assert format_elapsed(one, None) == format_elapsed(None, other) == ""


@given(st.integers(0, 10**8), st.integers(1, 10**6))
def test_a_longer_duration_is_not_shown_as_shorter(seconds: int, more: int) -> None:
    def size(shown: str) -> int:
        words = shown.split()
        unit = {"s": 1, "min": 60, "h": 3600, "d": 86400}
        return sum(int(number) * unit[name] for number, name in zip(words[::2], words[1::2], strict=True))

    assert size(format_duration(seconds)) <= seconds
    assert size(format_duration(seconds)) <= size(format_duration(seconds + more))
