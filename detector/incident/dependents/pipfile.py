"""Pipfile: what a pipenv project asks for."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._python import entry, tabled
from detector.incident.dependents._safe_parsers import mapping

FILES = ("Pipfile",)
LOCKS = False

_OTHERS = ("source", "requires", "pipenv", "scripts")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the packages of every category."""
    for section, table in _safe_parsers.toml(file.data).items():
        if section in _OTHERS:
            continue
        for name, told in mapping(table).items():
            if wanted("pypi", name):
                constraint = tabled(told)
                yield entry(name, constraint, direct=True, note="" if section == "packages" else section)
