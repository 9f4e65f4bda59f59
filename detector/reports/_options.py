"""What a report is asked for.

A report never reads the terminal, the clock or the command line: everything that
its output depends on is in `ReportOptions`. That keeps golden files stable.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from detector.model import CURRENT_KINDS, UNREACHED_KINDS, Finding, VerdictState, fails


class ShownFindings(NamedTuple):
    """Which findings the text report shows; the others are counted. Globs; nothing given shows everything."""

    severity: str = ""
    rules: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    live: bool = False
    reachable: bool = False
    tip: bool = False


class ReportOptions(NamedTuple):
    """How to print. `when` is the end of the scan in UTC (``2025-01-31T12:00:00``).

    Only text and json obey `show_secrets`. `here` is the user's current folder;
    `target` holds all targets, joined by spaces.
    """

    colour: bool = False
    width: int = 80
    show_secrets: bool = False
    show_ignored: bool = False
    explain: bool = False
    details: bool = False
    shown: ShownFindings = ShownFindings()
    verbose: int = 0
    quiet: bool = False
    target: str = "."
    here: str = ""
    version: str = "0"
    when: str = ""

    def shows(self, finding: Finding) -> bool:
        """Return whether *finding* is wanted in the report."""
        wanted = self.shown
        kinds = {location.origin.kind for location in finding.locations}
        return (
            (not wanted.severity or fails(finding, wanted.severity))
            and (not wanted.rules or any(fnmatchcase(finding.rule.id, glob) for glob in wanted.rules))
            and (not wanted.paths or any(_matches(at.origin.path, wanted.paths) for at in finding.locations))
            and (not wanted.live or finding.verdict.state == VerdictState.LIVE)
            and (not wanted.reachable or not kinds or bool(kinds - set(UNREACHED_KINDS)))
            and (not wanted.tip or bool(kinds & set(CURRENT_KINDS)))
        )


def _matches(path: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, glob) or path.startswith(glob.rstrip("/") + "/") for glob in globs)
