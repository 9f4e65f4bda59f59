"""Every format of the sweep's report."""

import pytest

from detector.errors import UsageError
from detector.fleet.overview import Overview
from detector.fleet.reports import load_report
from detector.registry import list_names
from tests.golden.sweep.render import render

FORMATS = list_names("detector.fleet.reports")
EMPTY = Overview("", {}, {"repositories": 0, "states": {}, "unresolved": {}, "overdue": 0}, (), (), (), (), (), ())


@pytest.mark.parametrize("format_", FORMATS)
def test_a_fleet_that_was_never_swept_has_a_report(format_: str) -> None:
    assert len(FORMATS) >= 4
    assert render(format_, EMPTY)


@pytest.mark.parametrize("format_", FORMATS)
def test_names_from_a_repository_contain_no_terminal_codes(format_: str) -> None:
    assert "\x1b" not in render(format_)


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(UsageError, match="unknown format of the sweep's report 'pdf'; known: html, json"):
        load_report("pdf")
