"""Reports of a fleet. A format is a module of this folder; its file name is the value of `--format`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from detector.registry import check_contract, load

if TYPE_CHECKING:
    from detector.fleet.overview import Overview


class SweepReport(Protocol):
    """detector/fleet/reports/<name>.py: one format."""

    def render(self, overview: Overview, include_open: bool) -> Iterator[str]:
        """Yield the report in pieces.

        It has the changes, what is overdue, shared credentials and unread
        repositories; with *include_open*, also all unresolved findings.
        """


def render_report(format_: str, overview: Overview, include_open: bool = True) -> Iterator[str]:
    """Return the report in *format_*, in pieces.

    An unknown format, or a module that is no report, is a `UsageError`.
    """
    module = load(__name__, format_, what="format of the sweep's report")
    check_contract(module, SweepReport, "format of the sweep's report")
    pieces: Iterator[str] = module.render(overview, include_open)
    return pieces
