"""Automata made of others report what one automaton of the same anchors would."""

from collections.abc import Sequence

from detector.engine.anchors import AhoCorasickAutomaton, Automaton, HyperscanAutomaton, parse_anchor
from detector.engine.automata import MIN_BYTES, DeferredAutomaton, RenumberedAutomaton, is_worth_compiling
from detector.model import Anchor

ANCHORS = [parse_anchor(text) for text in ("acme_[0-9a-z]{6}", "(?i)Key=", "live-")]
TEXT = b"KEY=acme_live00 live-1 key=live-acme_123456"
EXPECTED = [(0, 15), (0, 43), (1, 4), (1, 27), (2, 21), (2, 32)]


class Compiler:
    """Compiles for Hyperscan and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Automaton:
        self.calls += 1
        return HyperscanAutomaton.compile(ANCHORS)


def test_both_automata_report_the_same_here() -> None:
    assert AhoCorasickAutomaton(ANCHORS).scan(TEXT) == EXPECTED == HyperscanAutomaton.compile(ANCHORS).scan(TEXT)


def test_nothing_is_compiled_for_a_little_and_once_for_much() -> None:
    compile = Compiler()
    automaton = DeferredAutomaton(ANCHORS, compile)
    filling = b"." * (MIN_BYTES // 4)
    for _ in range(3):
        assert automaton.scan(TEXT + filling) == EXPECTED
    assert compile.calls == 0
    for _ in range(3):
        assert automaton.scan(TEXT + filling) == EXPECTED
    assert compile.calls == 1


def test_much_at_once_is_compiled_for_at_once() -> None:
    compile = Compiler()
    assert DeferredAutomaton(ANCHORS, compile).scan(TEXT + b"." * MIN_BYTES) == EXPECTED
    assert compile.calls == 1


def test_a_library_that_cannot_compile_costs_no_hit_and_is_asked_once() -> None:
    calls = []

    def fail() -> Automaton:
        calls.append(1)
        raise MemoryError

    automaton = DeferredAutomaton(ANCHORS, fail)
    for size in (0, MIN_BYTES, 1, MIN_BYTES):
        assert automaton.scan(TEXT + b"." * size) == EXPECTED
    assert len(calls) == 1


def test_more_anchors_are_worth_compiling_for_more_bytes() -> None:
    assert not is_worth_compiling(20 << 20, 28_000)
    assert is_worth_compiling(30 << 20, 28_000)
    assert is_worth_compiling(2 << 20, 10)


def make(indexes: Sequence[int]) -> Automaton:
    anchors: list[Anchor] = [ANCHORS[index] for index in indexes]
    return AhoCorasickAutomaton(anchors)


def test_parts_report_the_numbers_that_they_are_given_in_order() -> None:
    parts = [(make([2, 0]), (2, 0)), (make([1]), (1,))]
    assert RenumberedAutomaton(parts).scan(TEXT) == EXPECTED


def test_what_has_a_negative_number_is_not_reported() -> None:
    assert RenumberedAutomaton([(make([0, 1, 2]), (-1, 0, -1))]).scan(TEXT) == [(0, 4), (0, 27)]
