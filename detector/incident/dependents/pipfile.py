"""Pipfile: the dependencies of a pipenv project."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._python import make_entry, read_constraint
from detector.incident.dependents._safe_parsers import as_mapping

FILES = ("Pipfile",)
LOCKS = False

_OTHERS = ("source", "requires", "pipenv", "scripts")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the packages of every category."""
    for section, table in _safe_parsers.parse_toml(file.data).items():
        if section in _OTHERS:
            continue
        for name, spec in as_mapping(table).items():
            if is_wanted("pypi", name):
                constraint = read_constraint(spec)
                yield make_entry(name, constraint, direct=True, note="" if section == "packages" else section)
