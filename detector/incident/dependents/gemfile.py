"""Gemfile and gemspecs: Ruby that is read, not run, so only what is written as text is known."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted

FILES = ("Gemfile", "gems.rb", "*.gemfile", "*.gemspec")
LOCKS = False

_CALL = re.compile(
    r"^[ \t]*(?:\w+\.)?(?:gem|add(?:_runtime|_development)?_dependency)[ \t(]+([\"'])([\w.-]+)\1(.*)$", re.M
)
_RANGE = re.compile(r"\s*,\s*\[?\s*([\"'])([^\"']*)\1")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the gems that are named."""
    for found in _CALL.finditer(_safe_parsers.text(file.data)):
        if not wanted("gem", found[2]):
            continue
        ranges: list[str] = []
        at = 0
        while piece := _RANGE.match(found[3], at):
            ranges.append(piece[2])
            at = piece.end()
        yield Entry("gem", found[2], constraint=", ".join(ranges), direct=True)
