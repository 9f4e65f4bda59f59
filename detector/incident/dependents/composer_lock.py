"""composer.lock: installed packages; the direct ones are in the composer.json beside it."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import Node, list_locked
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

FILES = ("composer.lock",)
LOCKS = True


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked packages."""
    whole = as_mapping(_safe_parsers.parse_json(file.data))
    if "packages" not in whole:
        raise UnreadableFile("is not a lock file of composer")
    nodes = [
        Node(as_text(row.get("name")), as_text(row.get("version")), tuple(as_mapping(row.get("require"))), note=note)
        for section, note in (("packages", ""), ("packages-dev", "dev"))
        for row in map(as_mapping, as_list(whole.get(section)))
    ]
    direct: list[str] | None = None
    try:
        sibling = file.read_sibling("composer.json")
        if sibling is not None:
            manifest = as_mapping(_safe_parsers.parse_json(sibling))
            direct = [name for section in ("require", "require-dev") for name in as_mapping(manifest.get(section))]
    except UnreadableFile:
        pass
    yield from list_locked("composer", nodes, direct, is_wanted)
