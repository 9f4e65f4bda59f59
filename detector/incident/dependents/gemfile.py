"""Gemfile and gemspecs: Ruby code that is not executed, so only literal names and ranges are found."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted

FILES = ("Gemfile", "gems.rb", "*.gemfile", "*.gemspec")
LOCKS = False

_CALL = re.compile(
    r"^[ \t]*(?:\w+\.)?(?:gem|add(?:_runtime|_development)?_dependency)[ \t(]+([\"'])([\w.-]+)\1(.*)$", re.M
)
_RANGE = re.compile(r"\s*,\s*\[?\s*([\"'])([^\"']*)\1")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the named gems."""
    for found in _CALL.finditer(_safe_parsers.decode_text(file.data)):
        if not is_wanted("gem", found[2]):
            continue
        ranges: list[str] = []
        at = 0
        while piece := _RANGE.match(found[3], at):
            ranges.append(piece[2])
            at = piece.end()
        yield DependencyEntry("gem", found[2], constraint=", ".join(ranges), direct=True)
