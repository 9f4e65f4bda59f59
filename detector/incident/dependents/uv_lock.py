"""uv.lock: it lists the projects of the workspace too, so the direct packages are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import Node, list_locked
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

FILES = ("uv.lock",)
LOCKS = True

_LOCAL = ("editable", "virtual", "directory")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked packages."""
    whole = _safe_parsers.parse_toml(file.data)
    if "package" not in whole and "version" not in whole:
        raise UnreadableFile("is not a lock file of uv")
    direct: list[str] = []
    nodes: list[Node] = []
    for row in map(as_mapping, as_list(whole.get("package"))):
        needs = tuple(_list_needs(row))
        if any(key in as_mapping(row.get("source")) for key in _LOCAL):
            direct += needs
        else:
            nodes.append(Node(as_text(row.get("name")), as_text(row.get("version")), needs))
    yield from list_locked("pypi", nodes, direct, is_wanted)


def _list_needs(row: dict[str, Any]) -> Iterator[str]:
    lists = [row.get("dependencies")]
    for key in ("optional-dependencies", "dev-dependencies"):
        lists += as_mapping(row.get(key)).values()
    for needs in lists:
        for need in map(as_mapping, as_list(needs)):
            version = as_text(need.get("version"))
            yield f"{as_text(need.get('name'))}{f' {version}' if version else ''}"


def make_workspace_filter(file: DependencyFile) -> Callable[[str], bool]:
    """See `WorkspaceReader`."""
    sources = [
        as_mapping(as_mapping(row).get("source")) for row in as_list(_safe_parsers.parse_toml(file.data).get("package"))
    ]
    return {as_text(source.get(key)) for source in sources for key in _LOCAL}.__contains__
