"""One module per output format; the file name is the option value.

A report must not read the terminal, the clock or the environment itself; this
module puts what it needs into `ReportOptions`.
"""

from __future__ import annotations

import io
import os
import shutil
from datetime import UTC, datetime
from typing import Any, TextIO

from detector import __version__
from detector.config import Config
from detector.contracts import Report
from detector.model import Scan
from detector.registry import check_contract, load_plugin
from detector.reports._options import ReportOptions, ShownFindings


def check_formats(config: Config) -> None:
    """Raise `UsageError` for a format that does not exist or does not fulfil `Report`, before the scan starts."""
    for report in config.reports:
        load_report(report.format)


def load_report(name: str) -> Report:
    """Return the module of the format called *name*. Raises `UsageError`."""
    module: Any = load_plugin("detector.reports", name, what="format")
    check_contract(module, Report, "format")
    report: Report = module
    return report


def write(name: str, scan: Scan, out: TextIO, config: Config) -> None:
    """Write *scan* to *out* in the format called *name*."""
    report = load_report(name)
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # an ASCII log takes any path
    options = make_options(config, out)
    report.write(scan, out, options._replace(target=scan.target or options.target))


def parse_report(text: str, name: str) -> dict[str, Any]:
    """Return the JSON report in *text*, the content of the file called *name*. Raises `UsageError`."""
    from detector.reports._document import parse_document

    return parse_document(text, name)


def make_options(config: Config, out: TextIO) -> ReportOptions:
    """Return how to print to *out*. Colour only on a terminal and without ``NO_COLOR``."""
    terminal = out.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return ReportOptions(
        colour=terminal and not plain,
        width=shutil.get_terminal_size((100, 24)).columns if terminal else 100,
        show_secrets=config.show_secrets,
        show_ignored=config.show_ignored,
        explain=config.explain,
        details=config.details,
        shown=ShownFindings(**config.shown),
        when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        verbose=config.verbose,
        quiet=config.quiet,
        target=" ".join(config.targets),
        here=_current_folder(),
        version=__version__,
    )


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # the folder was removed
        return ""
