from __future__ import annotations

from detector.reports._options import ReportOptions, ShownFindings
from tests.golden.sample import scan


def test_nothing_is_hidden_unless_asked() -> None:
    assert all(ReportOptions().shows(finding) for finding in scan().findings)


def test_filters_are_combined() -> None:
    wanted = ReportOptions(shown=ShownFindings(severity="high", paths=("config",)))
    assert [finding.rule.id for finding in scan().findings if wanted.shows(finding)] == ["github.pat-classic"]
