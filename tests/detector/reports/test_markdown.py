from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.reports.markdown import escape_markup, format_code, write
from tests.golden.sample import OPTIONS, empty, scan


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


def test_a_table_row_has_as_many_cells_as_the_head() -> None:
    out = io.StringIO()
    write(scan(), out, OPTIONS)
    rows = [line for line in out.getvalue().splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 5
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_an_incomplete_scan_is_no_clean_one() -> None:
    out = io.StringIO()
    write(empty(complete=False), out, OPTIONS)
    assert "not a clean result" in out.getvalue()
