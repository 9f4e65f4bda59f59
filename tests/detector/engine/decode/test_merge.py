"""What several depths of one text say is put together, however much of it there is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine.decode.merge import merge_hits
from detector.model import Hit, Rule
from detector.secret import Secret

RULES = [
    Rule("one", "one", specificity=100),
    Rule("two", "two", specificity=100),
    Rule("three", "three", specificity=50),
]
SECRETS = [Secret(name) for name in (b"first", b"second", b"third")]


@st.composite
def plain_hits(draw: st.DrawFn) -> list[Hit]:
    """Draw hits that do not overlap each other."""
    hits, at = [], 0
    for gap, length, rule, secret in draw(st.lists(_numbers(), max_size=8)):
        hits.append(Hit(RULES[rule], at + gap, at + gap + length, SECRETS[secret]))
        at += gap + length
    return draw(st.permutations(hits))


@st.composite
def decoded_hits(draw: st.DrawFn) -> list[Hit]:
    """Draw hits that may."""
    return [
        Hit(RULES[rule], start, start + length, SECRETS[secret], decoded_via=("base64",) * draw(st.integers(1, 3)))
        for start, length, rule, secret in draw(st.lists(_numbers(40), max_size=8))
    ]


def _numbers(most: int = 4) -> st.SearchStrategy[tuple[int, int, int, int]]:
    return st.tuples(st.integers(0, most), st.integers(1, 9), st.integers(0, 2), st.integers(0, 2))


@given(plain_hits(), decoded_hits())
@settings(max_examples=500, deadline=None)
def test_it_says_what_comparing_every_pair_says(plain: list[Hit], decoded: list[Hit]) -> None:
    assert merge_hits(plain, decoded) == by_pairs(plain, decoded)


def by_pairs(plain: list[Hit], decoded: list[Hit]) -> list[Hit]:
    """Do the same the slow way."""
    kept: list[Hit] = []
    for hit in sorted(decoded, key=lambda hit: len(hit.decoded_via)):
        if not any(overlap(hit, other) and hit.secret == other.secret for other in (*plain, *kept)):
            kept.append(hit)
    left = [hit for hit in sorted(plain, key=place) if not any(takes(other, hit) for other in kept)]
    seen = [hit for hit in kept if not any(other.rule.id == hit.rule.id and overlap(other, hit) for other in left)]
    return sorted((*left, *seen), key=place)


def place(hit: Hit) -> tuple[int, int]:
    return hit.start, hit.end


def overlap(one: Hit, other: Hit) -> bool:
    return one.start < other.end and other.start < one.end


def takes(decoded: Hit, plain: Hit) -> bool:
    if not overlap(decoded, plain):
        return False
    if plain.rule.id == decoded.rule.id:
        return decoded.end - decoded.start > plain.end - plain.start
    return plain.rule.specificity < decoded.rule.specificity
