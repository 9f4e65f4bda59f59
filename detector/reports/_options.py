"""What a report is asked for, and what a report module must offer.

A report never looks at the terminal, the clock or the command line: whatever
it may depend on arrives in `Options`. That keeps golden files golden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO

if TYPE_CHECKING:
    from detector.model import Finding, Scan


class Options(NamedTuple):
    """How to print. `when` is the time the scan ended, in UTC (``2025-01-31T12:00:00``).

    `show_secrets` is obeyed by text and json and ignored by all others. `here` is the
    folder that the user stands in; `target` names all targets, with spaces between.
    """

    colour: bool = False
    width: int = 80
    show_secrets: bool = False
    show_ignored: bool = False
    explain: bool = False
    verbose: int = 0
    quiet: bool = False
    target: str = "."
    here: str = ""
    version: str = "0"
    when: str = ""


class Report(Protocol):
    """detector/reports/<name>.py: one output format."""

    TITLE: str
    STREAMS: bool

    def write(self, scan: Scan, out: TextIO, options: Options) -> None:
        """Print the whole report."""


class StreamingReport(Report, Protocol):
    """A report that can also be written while the scan still runs.

    The caller writes `header` first, a `line` per finding, `summary` last.
    """

    def header(self, options: Options) -> str:
        """Open the report."""

    def line(self, finding: Finding, options: Options) -> str:
        """Print one finding, without a newline."""

    def summary(self, scan: Scan, options: Options) -> str:
        """Close the report."""
