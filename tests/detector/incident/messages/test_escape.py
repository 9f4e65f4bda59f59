"""Untrusted text, escaped for each format."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from detector.incident.messages import escape

TEXT = st.text(
    st.one_of(st.sampled_from("`<>&@#*_[]()!\\|\n\r\x1b/:."), st.characters(exclude_categories=["Cs"])), max_size=60
)


@given(TEXT)
def test_every_format_is_one_printable_line_within_its_limit(text: str) -> None:
    for function in (escape.to_plain, escape.to_slack, escape.to_code_span, escape.to_html, escape.to_header):
        line = function(text)
        assert line.isprintable() and "\n" not in line
    assert len(escape.to_plain(text, 10)) <= 10


@given(TEXT)
def test_a_code_span_contains_all_of_the_text(text: str) -> None:
    (paragraph,) = [
        token for token in MarkdownIt("commonmark").parse(f"x {escape.to_code_span(text)} y") if token.children
    ]
    kinds = [child.type for child in paragraph.children or []]
    assert kinds == ["text", "code_inline", "text"]


@given(TEXT)
def test_html_and_slack_contain_no_markup(text: str) -> None:
    assert not re.search("[<>]", escape.to_html(text) + escape.to_slack(text))
    assert html.unescape(escape.to_html(text)) == escape.to_plain(text, 2000)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("https://example.test/a?b=c#d", True),
        ("http://example.test/", False),
        ("javascript:alert(1)", False),
        ("https://example.test/<script>", False),
        ("https://user@evil.test/", False),
        ("leakfirst respond status", False),
    ],
)
def test_only_a_harmless_https_url_becomes_a_link(target: str, expected: bool) -> None:
    assert escape.get_safe_url(target) == (target if expected else "")
