"""uv.lock: the projects of the workspace stand in it too, so it says itself what is direct."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import Node, locked
from detector.incident.dependents._safe_parsers import items, mapping, string

FILES = ("uv.lock",)
LOCKS = True

_OWN = ("editable", "virtual", "directory")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked packages."""
    whole = _safe_parsers.toml(file.data)
    if "package" not in whole and "version" not in whole:
        raise Unreadable("is not a lock file of uv")
    direct: list[str] = []
    nodes: list[Node] = []
    for row in map(mapping, items(whole.get("package"))):
        needs = tuple(_needs(row))
        if any(key in mapping(row.get("source")) for key in _OWN):
            direct += needs
        else:
            nodes.append(Node(string(row.get("name")), string(row.get("version")), needs))
    yield from locked("pypi", nodes, direct, wanted)


def _needs(row: dict[str, Any]) -> Iterator[str]:
    lists = [row.get("dependencies")]
    for key in ("optional-dependencies", "dev-dependencies"):
        lists += mapping(row.get(key)).values()
    for needs in lists:
        for need in map(mapping, items(needs)):
            version = string(need.get("version"))
            yield f"{string(need.get('name'))}{f' {version}' if version else ''}"


def covers(file: File) -> Callable[[str], bool]:
    """Return what tells whether a folder is a project of the workspace."""
    sources = [mapping(mapping(row).get("source")) for row in items(_safe_parsers.toml(file.data).get("package"))]
    return {string(source.get(key)) for source in sources for key in _OWN}.__contains__
