"""What a report is asked for.

A report never reads the terminal, the clock or the command line: everything that
its output depends on is in `ReportOptions`. That keeps golden files stable.
"""

from __future__ import annotations

from typing import NamedTuple


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
    verbose: int = 0
    quiet: bool = False
    target: str = "."
    here: str = ""
    version: str = "0"
    when: str = ""
