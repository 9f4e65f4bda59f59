"""poetry.lock and pdm.lock: what is installed; the pyproject beside it says what is direct."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import Node, locked
from detector.incident.dependents._python import asked, requirement
from detector.incident.dependents._safe_parsers import items, mapping, string

FILES = ("poetry.lock", "pdm.lock")
LOCKS = True


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked packages."""
    whole = _safe_parsers.toml(file.data)
    if "package" not in whole and "metadata" not in whole:
        raise Unreadable("is not a lock file of poetry or pdm")
    nodes = [
        Node(
            string(row.get("name")),
            string(row.get("version")),
            _needs(row),
            note=string(row.get("category")).replace("main", ""),
        )
        for row in map(mapping, items(whole.get("package")))
        if not row.get("path")
    ]
    yield from locked("pypi", nodes, direct_of(file), wanted)


def _needs(row: dict[str, Any]) -> tuple[str, ...]:
    told = row.get("dependencies")
    if isinstance(told, list):  # pdm writes requirements
        return tuple(requirement(string(text))[0] for text in told)
    return tuple(mapping(told))


def direct_of(file: File) -> list[str] | None:
    """Return the names that the pyproject beside *file* asks for; None if there is none to be read."""
    try:
        beside = file.beside("pyproject.toml")
        if beside is None:
            return None
        return [name for name, _, section in asked(_safe_parsers.toml(beside)) if section != "build-system"]
    except Unreadable:
        return None
