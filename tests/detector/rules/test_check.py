"""Each thing that may be wrong with a rule is said, and nothing of a good one."""

import random

import pytest
import regex

from detector.rules.check import check, draw_match
from detector.rules.loader import parse

GOOD = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{4}"]
pattern = '\\b(acme_[0-9a-z]{24})(?![0-9a-z])'
examples = ["acme_{base36:24}"]
misses = ["acme_{base36:23}"]
"""


def problems(text: str, others: str = "") -> list[tuple[bool, str]]:
    return [(problem.is_error, problem.text) for problem in check(parse(text), parse(others))]


def test_a_good_rule_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("change", "grave", "says"),
    [
        (("acme_{base36:24}", "acme_{base36:20}"), True, "does not find its example"),
        (("acme_{base36:24}", "acme_{repeat:x:24}"), True, r"does not find its example .*\(placeholder"),
        (("acme_{base36:24}", "acme_{nope:24}"), True, "unknown name 'nope'"),
        (("acme_{base36:23}", "acme_{base36:24}"), True, "finds the near-miss"),
        (('examples = ["acme_{base36:24}"]', ""), False, "no rule has an example"),
        (("acme_[0-9a-z]{4}", "acmeX"), True, "contains none of its anchors"),
        (("acme_[0-9a-z]{4}", "_"), True, "too short"),
        (("acme_[0-9a-z]{24}", "(?:[a-z]{3})*acme_[0-9a-z]{24}"), None, ""),
    ],
)
def test_what_is_wrong_is_said(change: tuple[str, str], grave: bool | None, says: str) -> None:
    if "too short" in says:
        with pytest.raises(Exception, match=says):
            parse(GOOD.replace(*change))
        return
    found = problems(GOOD.replace(*change))
    assert grave is None or any(one == grave and regex.search(says, text) for one, text in found)


def test_a_far_anchor_needs_a_wide_window() -> None:
    far = GOOD.replace("(acme_[0-9a-z]{24})", "([a-f]{40}acme_[0-9a-z]{24})").replace("acme_{b", "{[a-f]:40}acme_{b")
    assert any("widen the window" in text for _, text in problems(far + "window = [8, 128]\n"))
    assert problems(far + "window = [64, 128]\n") == []


def test_an_overlap_names_who_wins() -> None:
    other = GOOD.replace("acme.key", "acme.special") + "specificity = 120\n"
    assert [(g, t[t.index("is taken") :][:24]) for g, t in problems(GOOD, other)] == [
        (False, "is taken by acme.special")
    ]
    assert problems(GOOD, GOOD.replace("acme.key", "acme.lesser") + "specificity = 20\n") == []


def test_an_exponential_expression_is_found() -> None:
    slow = GOOD.replace("(acme_[0-9a-z]{24})(?![0-9a-z])", "(acme_(?:[0-9a-z]|[a-z0-9]x?)+)!")
    slow = slow.replace("base36:24}", "base36:24}!")
    assert any("takes" in text for grave, text in problems(slow) if grave)


@pytest.mark.parametrize("pattern", [r"a[bc]{2,3}(?:x|y)+\d", r"[^a-z]q(?i:A)\s", r"(?P<n>k)\bz?"])
def test_a_drawn_text_matches(pattern: str) -> None:
    drawn = draw_match(pattern.replace(r"\b", ""), random.Random(1))
    assert regex.fullmatch(pattern.replace(r"\b", "").encode(), drawn)
