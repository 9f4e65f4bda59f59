"""One module per output format; the file name is the option value.

This is the edge: what a report must not look up itself (terminal, clock,
environment) is turned into `Options` here.
"""

from __future__ import annotations

import io
import os
import shutil
from typing import TextIO

from detector.config import Config
from detector.model import Scan
from detector.registry import load
from detector.reports._options import Options
from detector.version import version


def check(config: Config) -> None:
    """Raise `UsageError` for a format that does not exist, before any work is done."""
    for report in config.reports:
        load("detector.reports", report.format, what="format")


def write(name: str, scan: Scan, out: TextIO, config: Config) -> None:
    """Write *scan* to *out* in the format called *name*."""
    report = load("detector.reports", name, what="format")
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # an ASCII log takes any path
    chosen = options(config, out)
    report.write(scan, out, chosen._replace(target=scan.target or chosen.target))


def options(config: Config, out: TextIO) -> Options:
    """Return how to print to *out*. Colour only on a terminal and without ``NO_COLOR``."""
    terminal = out.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Options(
        colour=terminal and not plain,
        width=shutil.get_terminal_size((100, 24)).columns if terminal else 100,
        show_secrets=config.show_secrets,
        show_ignored=config.show_ignored,
        explain=config.explain,
        verbose=config.verbose,
        quiet=config.quiet,
        target=" ".join(config.targets),
        here=_here(),
        version=version(),
    )


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""
