"""pyproject.toml: PEP 621, dependency groups, and the tables of poetry, pdm, uv and hatch."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._python import list_requirements, make_entry

FILES = ("pyproject.toml",)
LOCKS = False


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield every requirement."""
    for name, constraint, section in list_requirements(_safe_parsers.parse_toml(file.data)):
        if is_wanted("pypi", name):
            yield make_entry(name, constraint, direct=True, note=section)
