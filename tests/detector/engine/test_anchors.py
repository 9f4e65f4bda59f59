"""Pass 1: one contract, two automata, one table of cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.engine.anchors import Anchor, AnchorHit, build, lengths, parse_anchor

ENGINES = ["hyperscan", "ahocorasick"]
ANCHORS = ["ghp_[0-9a-f]{4}", "(?i)passw", "AKIA", "ab[c-e]{2}(?:x|y)", "SG.", "a\\[b", "::ff"]

CASES = [
    (b"", []),
    (b"nothing", []),
    (b"AKIA", [(2, 4)]),
    (b"akia", []),
    (b"PaSsWord password", [(1, 5), (1, 14)]),
    (b"ghp_12af", [(0, 8)]),
    (b"ghp_12xf", []),
    (b"ghp_12a", []),
    (b"abcdxabddyab", [(3, 5), (3, 10)]),
    (b"SG. SGx", [(4, 3)]),
    (b"a[b", [(5, 3)]),
    (b"\x00AKIA\xff\nAKIAAKIA", [(2, 5), (2, 11), (2, 15)]),
    (b"::ff::ff", [(6, 4), (6, 8)]),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("data", "expected"), CASES)
def test_it_names_the_places(engine: str, data: bytes, expected: list[tuple[int, int]]) -> None:
    automaton = build([parse_anchor(text) for text in ANCHORS], engine)
    assert automaton.scan(data) == [AnchorHit(*pair) for pair in expected]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dump_scans_like_the_original(engine: str) -> None:
    anchors = [parse_anchor(text) for text in ANCHORS]
    first = build(anchors, engine)
    second = build(anchors, engine, first.dump())
    data = b"AKIA ghp_0000 passw"
    assert second.scan(data) == first.scan(data) != []


FRAGMENTS = [
    b"ghp_",
    b"0a",
    b"ff",
    b"AKIA",
    b"pass",
    b"PASSW",
    b"w",
    b"ab",
    b"cd",
    b"x",
    b"SG",
    b".",
    b"a[b",
    b"\n",
    b"\xff",
    b"::",
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30))
def test_the_automata_agree(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    assert HYPERSCAN.scan(data) == AHO.scan(data)


HYPERSCAN, AHO = (build([parse_anchor(text) for text in ANCHORS], engine) for engine in ENGINES)


@pytest.mark.parametrize(
    ("text", "anchor"),
    [
        ("ghp_", Anchor(b"ghp_")),
        ("(?i)Acme[a-z]{3}", Anchor(b"Acme", True, "[a-z]{3}")),
        (r"key\d{4}", Anchor(b"key", False, r"\d{4}")),
        (r"a\[b\\c", Anchor(b"a[b\\c")),
        ("sk-(?:ant|or)-", Anchor(b"sk-", False, "(?:ant|or)-")),
    ],
)
def test_an_anchor_is_a_literal_and_a_tail(text: str, anchor: Anchor) -> None:
    assert parse_anchor(text) == anchor


@pytest.mark.parametrize("text", ["", "a", "[ab]cdef", "abc[a", "abc[a-z]+", "abc(x){400}"])
def test_an_anchor_that_cannot_work_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="anchor"):
        parse_anchor(text)


def test_lengths_are_those_of_the_whole_occurrence() -> None:
    assert lengths(parse_anchor("ab[c-e]{2}(?:x|yy)?")) == (4, 6)
