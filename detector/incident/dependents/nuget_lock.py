"""packages.lock.json of NuGet: a graph for each framework, with direct packages marked."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import Node, list_locked
from detector.incident.dependents._safe_parsers import as_mapping, as_text

FILES = ("packages.lock.json", "packages.*.lock.json")
LOCKS = True


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the resolved packages of every framework."""
    whole = as_mapping(_safe_parsers.parse_json(file.data))
    if not isinstance(whole.get("dependencies"), dict):
        raise UnreadableFile("is not a lock file of NuGet")
    for framework, table in whole["dependencies"].items():
        rows = {name: as_mapping(fields) for name, fields in as_mapping(table).items()}
        nodes = [
            Node(name, as_text(fields.get("resolved")), tuple(as_mapping(fields.get("dependencies"))), note=framework)
            for name, fields in rows.items()
            if fields.get("type") != "Project"
        ]
        direct = [name for name, fields in rows.items() if fields.get("type") == "Direct"]
        direct += [
            need
            for fields in rows.values()
            if fields.get("type") == "Project"
            for need in as_mapping(fields.get("dependencies"))
        ]
        yield from list_locked("nuget", nodes, direct, is_wanted)
