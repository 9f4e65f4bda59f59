"""One module per output format; the file name is the option value."""

from __future__ import annotations

from typing import TextIO

from detector.config import Config
from detector.model import Scan
from detector.registry import load


def check(config: Config) -> None:
    """Raise `UsageError` for a format that does not exist, before any work is done."""
    for report in config.reports:
        load("detector.reports", report.format, what="format")


def write(name: str, scan: Scan, out: TextIO, config: Config) -> None:
    """Write *scan* to *out* in the format called *name*."""
    load("detector.reports", name, what="format").write(scan, out, config)
