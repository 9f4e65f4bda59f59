"""Reports of a fleet. A format is a module of this folder; its file name is the value of `--format`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from detector.registry import check_contract, load_plugin

if TYPE_CHECKING:
    from detector.fleet.overview import Overview


class SweepReport(Protocol):
    """detector/fleet/reports/<name>.py: one format."""

    def render(self, overview: Overview, include_open: bool) -> Iterator[str]:
        """Yield the report in pieces.

        It has the changes, what is overdue, shared credentials and unread
        repositories; with *include_open*, also all unresolved findings.
        """


def load_report(format_: str) -> SweepReport:
    """Return the module of a format. An unknown format, or a module that is no report, is a `UsageError`."""
    what = "format of the sweep's report"
    module: Any = load_plugin(__name__, format_, what=what)
    check_contract(module, SweepReport, what)
    report: SweepReport = module
    return report
