"""Pipfile.lock: packages that pipenv installs; the direct ones are in the Pipfile beside it."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._names import normalize_name
from detector.incident.dependents._python import make_entry, read_constraint
from detector.incident.dependents._safe_parsers import as_mapping

FILES = ("Pipfile.lock",)
LOCKS = True


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the packages of every category."""
    whole = as_mapping(_safe_parsers.parse_json(file.data))
    if "_meta" not in whole and "default" not in whole:
        raise UnreadableFile("is not a lock file of pipenv")
    direct: set[str] | None
    try:
        sibling = file.read_sibling("Pipfile")
        tables = _safe_parsers.parse_toml(sibling).values() if sibling is not None else ()
        direct = (
            {normalize_name("pypi", name) for table in tables for name in as_mapping(table)}
            if sibling is not None
            else None
        )
    except UnreadableFile:
        direct = None
    for section, table in whole.items():
        if section == "_meta":
            continue
        for name, spec in as_mapping(table).items():
            if is_wanted("pypi", name):
                known = None if direct is None else normalize_name("pypi", name) in direct
                yield make_entry(
                    name, read_constraint(spec), direct=known, note="" if section == "default" else section
                )
