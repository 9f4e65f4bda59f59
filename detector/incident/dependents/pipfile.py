"""Pipfile: what a pipenv project asks for."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import bounded_
from detector.incident.dependents.bounded_ import mapping
from detector.incident.dependents.entry_ import Entry, File, Wanted
from detector.incident.dependents.python_ import entry, tabled

FILES = ("Pipfile",)
LOCKS = False

_OTHERS = ("source", "requires", "pipenv", "scripts")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the packages of every category."""
    for section, table in bounded_.toml(file.data).items():
        if section in _OTHERS:
            continue
        for name, told in mapping(table).items():
            if wanted("pypi", name):
                constraint = tabled(told)
                yield entry(name, constraint, direct=True, note="" if section == "packages" else section)
