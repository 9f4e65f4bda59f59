"""composer.lock: what is installed; the composer.json beside it says what is direct."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import Node, locked
from detector.incident.dependents._safe_parsers import items, mapping, string

FILES = ("composer.lock",)
LOCKS = True


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked packages."""
    whole = mapping(_safe_parsers.json(file.data))
    if "packages" not in whole:
        raise Unreadable("is not a lock file of composer")
    nodes = [
        Node(string(row.get("name")), string(row.get("version")), tuple(mapping(row.get("require"))), note=note)
        for section, note in (("packages", ""), ("packages-dev", "dev"))
        for row in map(mapping, items(whole.get(section)))
    ]
    direct: list[str] | None = None
    try:
        beside = file.beside("composer.json")
        if beside is not None:
            asked = mapping(_safe_parsers.json(beside))
            direct = [name for section in ("require", "require-dev") for name in mapping(asked.get(section))]
    except Unreadable:
        pass
    yield from locked("composer", nodes, direct, wanted)
