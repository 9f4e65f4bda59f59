"""The report as Markdown."""

import pytest

from tests.golden.sweep.render import check_golden, render


@pytest.mark.parametrize(("file", "include_open"), [("report.md", True), ("status.md", False)])
def test_it_equals_its_golden_file(file: str, include_open: bool, request: pytest.FixtureRequest) -> None:
    check_golden("markdown", file, include_open, request)


def test_names_from_a_repository_mention_nobody_and_close_no_cell() -> None:
    printed = render("markdown")
    assert " @all" not in printed
    rows = [line for line in printed.splitlines() if line.startswith("| low")]
    assert rows and all(row.replace("\\|", "").count("|") == 7 for row in rows)
