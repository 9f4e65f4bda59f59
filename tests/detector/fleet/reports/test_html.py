"""The report as a page."""

import pytest

from tests.golden.sweep.render import check_golden, render


@pytest.mark.parametrize(("file", "include_open"), [("report.html", True), ("status.html", False)])
def test_it_equals_its_golden_file(file: str, include_open: bool, request: pytest.FixtureRequest) -> None:
    check_golden("html", file, include_open, request)


def test_the_page_loads_nothing_and_contains_no_foreign_markup() -> None:
    page = render("html")
    assert "default-src 'none'" in page
    assert not [text for text in ("<script", "src=", "<i>", "<u>") if text in page]
    assert page.isascii()
