"""Inline marks: ours and those of other tools, each with the reach that it has there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.ignores import marks

VALUE = b"v4lue"


def covers(text: bytes, path: str = "a.py", rule: str = "aws.access-key") -> bool:
    start = text.index(VALUE)
    return marks.find_mark_for(text, start, start + len(VALUE), path, rule) is not None


@pytest.mark.parametrize(
    "text",
    [
        b"x = 'v4lue'  # leakfirst:allow",
        b"x = 'v4lue'  # leakfirst:allow because it is a sample",
        b"# leakfirst:allow \nx = 1; y = 'v4lue' # leakfirst:allow(aws.*)",
        b"x = 'v4lue'  # leakfirst:allow(gcp.key, aws.access-key)",
        b"# leakfirst:allow-next-line\nx = 'v4lue'\n",
        b"# leakfirst:allow-begin\n\n\nx = 'v4lue'\n# leakfirst:allow-end\n",
        b"# leakfirst:allow-begin(aws.*)\nx = 'v4lue'\n",
        b"x = 'v4lue'  # gitleaks:allow",
        b"x = 'v4lue'  # betterleaks:allow",
        b"x = 'v4lue'  # trufflehog:ignore",
        b"# Kingfisher:Ignore\nx = 'v4lue'\n",
        b"x = 'v4lue'\n# kingfisher:ignore\n",
        b"x = 'v4lue'  # pragma: allowlist secret",
        b"x = 'v4lue'  // pragma: whitelist secret",
        b"# pragma: allowlist nextline secret\nx = 'v4lue'\n",
        b"x = 'v4lue'\r\n  # kingfisher:ignore\r\n",
    ],
)
def test_a_mark_covers(text: bytes) -> None:
    assert covers(text)


@pytest.mark.parametrize(
    "text",
    [
        b"x = 'v4lue'",
        b"x = 'v4lue'\n# leakfirst:allow\n",
        b"# leakfirst:allow\nx = 'v4lue'\n",
        b"x = 'v4lue'  # leakfirst:allowed",
        b"x = 'v4lue'  # leakfirst:allow(gcp.*)",
        b"# leakfirst:allow-next-line\n\nx = 'v4lue'\n",
        b"# leakfirst:allow-begin\n# leakfirst:allow-end\nx = 'v4lue'\n",
        b"x = 'v4lue'  # leakfirst:allow-begin\n",
        b"x = 'v4lue'  # gitleaks:ALLOW",
        b"# gitleaks:allow\nx = 'v4lue'\n",
        b"# trufflehog:ignore x = 'v4lue'",
        b"# kingfisher:ignore\n\nx = 'v4lue'\n",
        b"x = 'v4lue'  # kingfisher:allow",
        b"x = v4lue  pragma: allowlist secret",
        b"x # pragma: allowlist nextline secret\ny = 'v4lue'\n",
        b"# pragma: whitelist nextline secret\ny = 'v4lue'\n",
    ],
)
def test_a_mark_does_not_cover(text: bytes) -> None:
    assert not covers(text)


def test_in_yaml_only_a_hash_starts_a_pragma() -> None:
    text = b"x: v4lue // pragma: allowlist secret"
    assert not covers(text, "a.yaml")
    assert covers(text, "a.yml")


def test_a_line_pattern_fits_the_line_and_a_match_pattern_the_value() -> None:
    data = b"one\nx = 'v4lue' # demo only\ntwo"
    start = data.index(VALUE)
    asked = ("line:# demo only$", "match:demo", "match:v4l", "line:two")
    assert marks.find_matching(asked, data, start, start + 5) == ("line:# demo only$", "match:v4l")


def test_a_pattern_that_never_ends_does_not_fit() -> None:
    data = b"a" * 3000 + VALUE
    assert marks.find_matching(("line:(a|aa)+$b",), data, 3000, 3005) == ()


def test_marks_are_listed_with_their_places() -> None:
    data = b"# leakfirst:allow-begin\n# leakfirst:allow-end\nx  # gitleaks:allow\n"
    assert [mark.text for mark in marks.find_marks(data)] == ["leakfirst:allow-begin", "gitleaks:allow"]


@given(st.from_regex(marks._MARK, fullmatch=True))
def test_every_mark_has_a_word_that_is_looked_for_first(mark: bytes) -> None:
    assert marks.may_contain_mark(mark.lower())


PARTS = st.sampled_from([b"# leakfirst:allow-begin\n", b"# leakfirst:allow-end\n", b"a\n" * 3, b"x = 'v4lue'\n"])


@given(st.lists(PARTS, max_size=12).map(b"".join))
def test_blocks_are_those_that_begin_before_a_value_and_do_not_end_before_it(text: bytes) -> None:
    begin, end = b"leakfirst:allow-begin", b"leakfirst:allow-end"
    for start in range(0, len(text), 5):
        opened = text.rfind(begin, 0, start)
        expected = opened >= 0 and text.rfind(end, opened, start) < 0
        assert (marks._find_block(text, start, "aws.access-key") is not None) == expected


def test_blocks_of_a_text_with_many_values_are_searched_once() -> None:
    text = b"# other:allow\n" + b"x = 'v4lue'\n" * 1000
    before = marks._list_blocks.cache_info().misses
    for start in range(19, len(text), 12):
        assert marks.find_mark_for(text, start, start + len(VALUE)) is None
    assert marks._list_blocks.cache_info().misses == before + 1
