"""Reports of a fleet: a module for each format, with ``write(overview, everything) -> Iterator[str]``.

*everything* asks for the list of all open findings besides what changed, what
is overdue and what stands in several repositories.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from detector.registry import load

if TYPE_CHECKING:
    from detector.fleet.overview import Overview


def report(format_: str, overview: Overview, everything: bool = True) -> Iterator[str]:
    """Return the report in *format_*, in pieces. An unknown format is a `UsageError`."""
    pieces: Iterator[str] = load(__name__, format_, what="format of the sweep's report").write(overview, everything)
    return pieces
