"""Cargo.lock: packages without a source are those of the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import Node, locked
from detector.incident.dependents._safe_parsers import items, mapping, string

FILES = ("Cargo.lock",)
LOCKS = True


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked packages."""
    whole = _safe_parsers.toml(file.data)
    rows = [mapping(row) for row in items(whole.get("package"))]
    if not rows and "version" not in whole and "root" not in whole:
        raise Unreadable("is not a lock file of cargo")
    rows += [mapping(whole["root"])] if "root" in whole else []
    own = {string(row.get("name")) for row in rows if not row.get("source")}
    nodes: list[Node] = []
    direct: list[str] = []
    for row in rows:
        # "name", "name version" or "name version (source)"
        needs = tuple(" ".join(string(need).split(" ")[:2]) for need in items(row.get("dependencies")))
        if row.get("source"):
            nodes.append(Node(string(row.get("name")), string(row.get("version")), needs))
        else:
            direct += [need for need in needs if need not in own]
    yield from locked("cargo", nodes, direct, wanted)


def covers(file: File) -> Callable[[str], bool]:
    """Return what tells whether the crate in a folder is one of the workspace."""
    rows = [mapping(row) for row in items(_safe_parsers.toml(file.data).get("package"))]
    own = {string(row.get("name")) for row in rows if not row.get("source")}

    def covered(folder: str) -> bool:
        try:
            data = file.beside(f"{folder}/Cargo.toml")
            return data is not None and string(mapping(_safe_parsers.toml(data).get("package")).get("name")) in own
        except Unreadable:
            return False

    return covered
