"""Cargo.lock: packages without a source belong to the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import Node, list_locked
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

FILES = ("Cargo.lock",)
LOCKS = True


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked packages."""
    whole = _safe_parsers.parse_toml(file.data)
    rows = [as_mapping(row) for row in as_list(whole.get("package"))]
    if not rows and "version" not in whole and "root" not in whole:
        raise UnreadableFile("is not a lock file of cargo")
    rows += [as_mapping(whole["root"])] if "root" in whole else []
    own = {as_text(row.get("name")) for row in rows if not row.get("source")}
    nodes: list[Node] = []
    direct: list[str] = []
    for row in rows:
        # "name", "name version" or "name version (source)"
        needs = tuple(" ".join(as_text(need).split(" ")[:2]) for need in as_list(row.get("dependencies")))
        if row.get("source"):
            nodes.append(Node(as_text(row.get("name")), as_text(row.get("version")), needs))
        else:
            direct += [need for need in needs if need not in own]
    yield from list_locked("cargo", nodes, direct, is_wanted)


def make_workspace_filter(file: DependencyFile) -> Callable[[str], bool]:
    """See `WorkspaceReader`: a folder belongs to the workspace if the lock file lists its crate without a source."""
    rows = [as_mapping(row) for row in as_list(_safe_parsers.parse_toml(file.data).get("package"))]
    own = {as_text(row.get("name")) for row in rows if not row.get("source")}

    def is_in_workspace(folder: str) -> bool:
        try:
            data = file.read_sibling(f"{folder}/Cargo.toml")
            return (
                data is not None
                and as_text(as_mapping(_safe_parsers.parse_toml(data).get("package")).get("name")) in own
            )
        except UnreadableFile:
            return False

    return is_in_workspace
