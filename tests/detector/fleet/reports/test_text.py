"""The report as text."""

import pytest

from detector.fleet.reports.text import list_changes, list_missing
from tests.golden.sweep.render import check_golden
from tests.golden.sweep.sample import OVERVIEW


@pytest.mark.parametrize(("file", "include_open"), [("report.txt", True), ("status.txt", False)])
def test_it_equals_its_golden_file(file: str, include_open: bool, request: pytest.FixtureRequest) -> None:
    check_golden("text", file, include_open, request)


def test_the_most_severe_changes_come_first() -> None:
    new = "".join(list_changes(OVERVIEW)).split("\n\n")[0]
    assert [line.split()[0] for line in new.splitlines()[2:]] == ["critical", "high", "medium"]


def test_a_repository_that_fails_again_and_again_says_so() -> None:
    assert "  acme/gone: not found (HTTP 404) (3 times)\n" in [*list_missing(OVERVIEW)]
