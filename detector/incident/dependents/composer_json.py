"""composer.json: what a PHP project asks for."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._safe_parsers import mapping, string

FILES = ("composer.json",)
LOCKS = False


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield what is required, and what is for development."""
    whole = mapping(_safe_parsers.json(file.data))
    for section in ("require", "require-dev"):
        for name, constraint in mapping(whole.get(section)).items():
            if wanted("composer", name):
                note = "" if section == "require" else section
                yield Entry("composer", name, constraint=string(constraint), direct=True, note=note)
