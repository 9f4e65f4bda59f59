"""Pass 1: one contract, two automata, one table of cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.engine.anchors import Anchor, build_automaton, length_range, parse_anchor

ENGINES = ["hyperscan", "ahocorasick"]
TEXTS = ["ghp_[0-9a-f]{4}", "(?i)passw", "AKIA", "ab[c-e]{2}(?:x|y)", "SG.", "a\\[b", "::ff"]
LOOSE = Anchor(b"key", True, "[a-z]{0,3}=[0-9]{2}", "key[a-z]*=+[0-9]{2}")
FAR = Anchor(b"long", False, "b{0,150}={2}", "longb*={2}")
SERVICES = [Anchor(word, True, "[a-z_]{0,9}: [0-9]{3}", "(?:pin|word)[a-z_]*: [0-9]{3}") for word in (b"acme", b"wole")]
ANCHORS = [*map(parse_anchor, TEXTS), LOOSE, LOOSE._replace(text=b"eyes", loose="eyes[a-z]*=+[0-9]{2}"), FAR, *SERVICES]

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
    (b"KEYabc=01 keyabcd=01 key==01", [(7, 9)]),
    (b"keyes=11 eyes=222", [(7, 8), (8, 8), (8, 16)]),
    (b"key" + b"a" * 300 + b"=22", []),
    (b"long" + b"b" * 107 + b"== long" + b"b" * 106 + b"== =", [(9, 226)]),
    (b"acme_pin: 123 PIN_ACME: 4567 acme: 123 pin: 123 wole_word: 12", [(10, 13), (10, 27)]),
    (b"wole_pin_acme: 1234 pinned acme: 123", [(10, 18), (11, 18)]),
    (b"pin_" + b"a" * 100 + b"acme: 123 " + b"pin_" + b"a" * 98 + b"acme: 123", [(10, 225)]),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("data", "expected"), CASES)
def test_it_names_the_places(engine: str, data: bytes, expected: list[tuple[int, int]]) -> None:
    automaton = build_automaton(ANCHORS, engine)
    assert automaton.scan(data) == [tuple(pair) for pair in expected]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dump_scans_like_the_original(engine: str) -> None:
    first = build_automaton(ANCHORS, engine)
    second = build_automaton(ANCHORS, engine, first.dump())
    data = b"AKIA ghp_0000 passw key=12"
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
    b"key",
    b"es",
    b"=",
    b"12",
    b"acme",
    b"pin",
    b": 123",
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30))
def test_the_automata_agree(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    assert HYPERSCAN.scan(data) == AHO.scan(data)


HYPERSCAN, AHO = (build_automaton(ANCHORS, engine) for engine in ENGINES)


def test_two_occurrences_that_share_a_tail_are_one_hit() -> None:
    data = b"acmeacmepin: 123"
    assert HYPERSCAN.scan(data) == AHO.scan(data)


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
    assert length_range(parse_anchor("ab[c-e]{2}(?:x|yy)?")) == (4, 6)
