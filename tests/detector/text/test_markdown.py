from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.text.markdown import escape_markup, format_code


@given(st.text(min_size=1))
def test_a_code_span_holds_whatever_it_is_given(text: str) -> None:
    shown = format_code(text)
    fence = re.match("`+", shown)
    assert fence
    inner = shown[len(fence[0]) : -len(fence[0])]
    assert fence[0] not in re.findall("`+", inner)
    assert "\n" not in shown


@pytest.mark.parametrize("text", ["@everyone", "![x](http://x)", "<img src=x>", "**b**", "`c`", "| a |"])
def test_prose_is_never_markup(text: str) -> None:
    shown = escape_markup(text)
    assert not re.search(r"(?<!\\)[`*<\[|!]|@\w", shown)
