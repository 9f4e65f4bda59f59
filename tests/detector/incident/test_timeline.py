"""The clock, for any instants."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detector.incident.timeline import PHASES, Times, between, due, instant, lasting, left, passed, text, warnings_due

INSTANTS = st.integers(0, 4_000_000_000).map(text)
SPANS = st.integers(60, 400 * 86400)
WARNINGS = st.lists(st.integers(1, 500 * 86400), max_size=5)


@given(st.floats(0, 4e9))
def test_an_instant_comes_home(seconds: float) -> None:
    assert instant(text(seconds)) == int(seconds)


@given(INSTANTS, SPANS, WARNINGS, st.integers(-86400, 500 * 86400), st.integers(0, 86400))
def test_what_is_due_stays_due(found: str, span: int, warnings: list[int], since: int, later: int) -> None:
    end, now = due(found, span), instant(found) + since
    before = warnings_due(found, end, now, warnings)
    after = warnings_due(found, end, now + later, warnings)
    assert before == after[: len(before)] == tuple(range(1, len(before) + 1))


@given(INSTANTS, SPANS, WARNINGS)
def test_somebody_hears_of_it_before_the_deadline_passes(found: str, span: int, warnings: list[int]) -> None:
    end = due(found, span)
    just_before = warnings_due(found, end, instant(end) - 0.5, warnings)
    assert just_before, "at least one"
    assert len(warnings_due(found, end, instant(end), warnings)) == len(just_before) + 1
    assert not warnings_due(found, end, instant(found), warnings), "and not at once"


@given(INSTANTS, SPANS, st.integers(-86400, 500 * 86400))
def test_the_deadline_passes_once(found: str, span: int, since: int) -> None:
    end, now = due(found, span), instant(found) + since
    assert passed(end, now) == (since >= span)
    assert left(end, now).endswith("over" if since >= span else "left")


@given(st.lists(st.one_of(st.none(), INSTANTS), min_size=5, max_size=5), INSTANTS)
def test_the_phase_is_the_furthest(others: list[str | None], found: str) -> None:
    times = Times(found, *others)
    reached = [name for name, at in zip(PHASES, times, strict=True) if at is not None and name != "used"]
    assert times.phase == reached[-1]


@given(INSTANTS, INSTANTS)
def test_a_duration_is_never_negative(one: str, other: str) -> None:
    assert "-" not in between(one, other)
    assert between(one, None) == between(None, other) == ""


@given(st.integers(0, 10**8), st.integers(1, 10**6))
def test_longer_is_not_said_to_be_shorter(seconds: int, more: int) -> None:
    def size(said: str) -> int:
        words = said.split()
        unit = {"s": 1, "min": 60, "h": 3600, "d": 86400}
        return sum(int(number) * unit[name] for number, name in zip(words[::2], words[1::2], strict=True))

    assert size(lasting(seconds)) <= seconds
    assert size(lasting(seconds)) <= size(lasting(seconds + more))
