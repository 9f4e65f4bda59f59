"""Pipfile.lock: what pipenv installs; what is direct is known from the Pipfile beside it."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._names import normal
from detector.incident.dependents._python import entry, tabled
from detector.incident.dependents._safe_parsers import mapping

FILES = ("Pipfile.lock",)
LOCKS = True


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the packages of every category."""
    whole = mapping(_safe_parsers.json(file.data))
    if "_meta" not in whole and "default" not in whole:
        raise Unreadable("is not a lock file of pipenv")
    direct: set[str] | None
    try:
        beside = file.beside("Pipfile")
        tables = _safe_parsers.toml(beside).values() if beside is not None else ()
        direct = {normal("pypi", name) for table in tables for name in mapping(table)} if beside is not None else None
    except Unreadable:
        direct = None
    for section, table in whole.items():
        if section == "_meta":
            continue
        for name, told in mapping(table).items():
            if wanted("pypi", name):
                known = None if direct is None else normal("pypi", name) in direct
                yield entry(name, tabled(told), direct=known, note="" if section == "default" else section)
