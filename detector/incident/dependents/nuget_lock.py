"""packages.lock.json of NuGet: a graph for each framework, direct packages marked."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import Node, locked
from detector.incident.dependents._safe_parsers import mapping, string

FILES = ("packages.lock.json", "packages.*.lock.json")
LOCKS = True


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the resolved packages of every framework."""
    whole = mapping(_safe_parsers.json(file.data))
    if not isinstance(whole.get("dependencies"), dict):
        raise Unreadable("is not a lock file of NuGet")
    for framework, table in whole["dependencies"].items():
        rows = {name: mapping(told) for name, told in mapping(table).items()}
        nodes = [
            Node(name, string(told.get("resolved")), tuple(mapping(told.get("dependencies"))), note=framework)
            for name, told in rows.items()
            if told.get("type") != "Project"
        ]
        direct = [name for name, told in rows.items() if told.get("type") == "Direct"]
        direct += [
            need
            for told in rows.values()
            if told.get("type") == "Project"
            for need in mapping(told.get("dependencies"))
        ]
        yield from locked("nuget", nodes, direct, wanted)
