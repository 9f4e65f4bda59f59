"""pylock.toml, the lock file that all Python installers share (PEP 751)."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import Node, locked
from detector.incident.dependents._safe_parsers import items, mapping, string
from detector.incident.dependents.poetry_lock import direct_of

FILES = ("pylock.toml", "pylock.*.toml")
LOCKS = True


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked packages."""
    whole = _safe_parsers.toml(file.data)
    if "lock-version" not in whole:
        raise Unreadable("is not a lock file of Python")
    nodes = [
        Node(
            string(row.get("name")),
            string(row.get("version")),
            tuple(string(mapping(need).get("name")) for need in items(row.get("dependencies"))),
        )
        for row in map(mapping, items(whole.get("packages")))
        if "directory" not in row
    ]
    yield from locked("pypi", nodes, direct_of(file), wanted)
