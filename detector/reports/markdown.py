"""markdown: for an issue, a pull request, or the summary of a CI job."""

from __future__ import annotations

from typing import TextIO

from detector.model import Scan
from detector.reports._markdown import build_sections
from detector.reports._options import ReportOptions


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print the report."""
    out.writelines(build_sections(scan, options))
