from __future__ import annotations

import csv
import io

import pytest

from detector.reports.csv import COLUMNS, _escape_cell, write
from tests.golden.sample import OPTIONS, scan


def test_every_place_and_every_gap_is_a_row() -> None:
    out = io.StringIO()
    write(scan(), out, OPTIONS._replace(show_ignored=True))
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [row["kind"] for row in rows].count("finding") == 12
    assert [row["kind"] for row in rows].count("ignored") == 1
    assert [row["kind"] for row in rows].count("skipped") == 1
    assert [row["kind"] for row in rows].count("incomplete") == 3
    assert all(set(row) == set(COLUMNS) for row in rows)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert _escape_cell(text) == f"'{text}"


def test_line_ends_and_tabs_cannot_begin_a_cell() -> None:
    assert _escape_cell("\t=1") == r"\x09=1"
