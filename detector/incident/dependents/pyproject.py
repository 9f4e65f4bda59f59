"""pyproject.toml: PEP 621, dependency groups, and the tables of poetry, pdm, uv and hatch."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._python import asked, entry

FILES = ("pyproject.toml",)
LOCKS = False


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield every requirement."""
    for name, constraint, section in asked(_safe_parsers.toml(file.data)):
        if wanted("pypi", name):
            yield entry(name, constraint, direct=True, note=section)
