"""composer.json: what a PHP project asks for."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import bounded_
from detector.incident.dependents.bounded_ import mapping, string
from detector.incident.dependents.entry_ import Entry, File, Wanted

FILES = ("composer.json",)
LOCKS = False


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield what is required, and what is for development."""
    whole = mapping(bounded_.json(file.data))
    for section in ("require", "require-dev"):
        for name, constraint in mapping(whole.get(section)).items():
            if wanted("composer", name):
                note = "" if section == "require" else section
                yield Entry("composer", name, constraint=string(constraint), direct=True, note=note)
