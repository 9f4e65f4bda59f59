from __future__ import annotations

import io
import re

from detector.reports.markdown import write
from tests.golden.sample import OPTIONS, empty, scan


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
