"""composer.json: the dependencies of a PHP project."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._safe_parsers import as_mapping, as_text

FILES = ("composer.json",)
LOCKS = False


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the dependencies, also those for development."""
    whole = as_mapping(_safe_parsers.parse_json(file.data))
    for section in ("require", "require-dev"):
        for name, constraint in as_mapping(whole.get(section)).items():
            if is_wanted("composer", name):
                note = "" if section == "require" else section
                yield DependencyEntry("composer", name, constraint=as_text(constraint), direct=True, note=note)
