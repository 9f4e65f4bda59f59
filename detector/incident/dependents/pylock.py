"""pylock.toml, the common lock file of Python installers (PEP 751)."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import Node, list_locked
from detector.incident.dependents._python import read_direct_names
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

FILES = ("pylock.toml", "pylock.*.toml")
LOCKS = True


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked packages."""
    whole = _safe_parsers.parse_toml(file.data)
    if "lock-version" not in whole:
        raise UnreadableFile("is not a lock file of Python packages")
    nodes = [
        Node(
            as_text(row.get("name")),
            as_text(row.get("version")),
            tuple(as_text(as_mapping(need).get("name")) for need in as_list(row.get("dependencies"))),
        )
        for row in map(as_mapping, as_list(whole.get("packages")))
        if "directory" not in row
    ]
    yield from list_locked("pypi", nodes, read_direct_names(file), is_wanted)
