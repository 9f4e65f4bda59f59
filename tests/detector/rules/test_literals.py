"""Whatever an expression matches contains one of the anchors read from it."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from detector.engine.anchors import build_expression
from detector.rules.literals import derive_anchors, max_width


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"\b(ghp_[0-9a-z]{36})\b", {b"ghp_"}),
        (r"(?:A3T[A-Z0-9]|AKIA|ASIA)[A-Z2-7]{16}", {b"A3T", b"AKIA", b"ASIA"}),
        (r"(?i:acme)[_-]?key=([a-z]{8})", {b"acmekey=", b"acme_key=", b"acme-key="}),
        (r"(?i:acme).{0,9}?([a-z]{8})", {b"acme"}),
        (r"(?:sk|rk)_live_[a-z]{24}", {b"sk_live_", b"rk_live_"}),
        (r"SK[0-9a-f]{32}", {b"SK"}),
        (r"[a-z]{32}", set()),
        (r"(?:acme)?[a-z]{32}", set()),
        (r"(?:acme|[a-z]{4})_", set()),
    ],
)
def test_the_best_literals_are_taken(pattern: str, texts: set[bytes]) -> None:
    assert {anchor.text for anchor in derive_anchors(pattern)} == texts


def test_a_short_literal_gets_a_tail() -> None:
    (anchor,) = derive_anchors(r"SK[0-9a-f]{32}")
    assert regex.search(build_expression(anchor), b"SK0123456789abcdef")
    assert not regex.search(build_expression(anchor), b"SKIPPED 0123456789")


def test_case_is_kept_where_it_counts() -> None:
    assert [anchor.ignore_case for anchor in derive_anchors("(?i:acme)_")] == [True]
    assert [anchor.ignore_case for anchor in derive_anchors("acme_")] == [False]


def test_a_width_has_a_limit() -> None:
    assert (max_width("ab[c]{3}", 100), max_width("a.*", 100)) == (5, 100)


PIECES = ["acme", "[ab]", "[a-z]{2}", "(?:key|token)", "x?", "(?i:Foo)", "(?:a|bc)+", "_{2}", "(?:one|t[wv]o)"]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.data())
def test_every_match_contains_an_anchor(pieces: list[str], data: st.DataObject) -> None:
    pattern = "".join(pieces)
    text = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))).encode()
    anchors = derive_anchors(pattern)
    flags = [regex.IGNORECASE if anchor.ignore_case else 0 for anchor in anchors]
    found = [regex.search(build_expression(anchor), text, flag) for anchor, flag in zip(anchors, flags, strict=True)]
    assert not anchors or any(found)
