"""poetry.lock and pdm.lock: installed packages; the direct ones are in the pyproject.toml beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import Node, list_locked
from detector.incident.dependents._python import parse_requirement, read_direct_names
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

FILES = ("poetry.lock", "pdm.lock")
LOCKS = True


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked packages."""
    whole = _safe_parsers.parse_toml(file.data)
    if "package" not in whole and "metadata" not in whole:
        raise UnreadableFile("is not a lock file of poetry or pdm")
    nodes = [
        Node(
            as_text(row.get("name")),
            as_text(row.get("version")),
            _list_needs(row),
            note=as_text(row.get("category")).replace("main", ""),
        )
        for row in map(as_mapping, as_list(whole.get("package")))
        if not row.get("path")
    ]
    yield from list_locked("pypi", nodes, read_direct_names(file), is_wanted)


def _list_needs(row: dict[str, Any]) -> tuple[str, ...]:
    needs = row.get("dependencies")
    if isinstance(needs, list):  # pdm writes requirements
        return tuple(parse_requirement(as_text(text))[0] for text in needs)
    return tuple(as_mapping(needs))
