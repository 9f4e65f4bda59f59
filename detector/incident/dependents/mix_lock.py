"""mix.lock: an Elixir map, parsed without executing it; the direct packages are in the mix.exs beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import Node, list_locked

FILES = ("mix.lock",)
LOCKS = True

_HEX = re.compile(r'\s*"([\w.-]+)":\s*\{:hex,\s*:"?([\w.-]+)"?,\s*"([^"]+)"(.*)')
_GIT = re.compile(r'\s*"([\w.-]+)":\s*\{:git,\s*"([^"]+)",\s*"([^"]+)"')
_NEED = re.compile(r'\{:"?([\w.-]+)"?,\s*"[^"]*"')
_DIRECT = re.compile(r"\{:(\w+),")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked packages."""
    text = _safe_parsers.decode_text(file.data)
    if not text.lstrip().startswith("%{"):
        raise UnreadableFile("is not a lock file of mix")
    nodes: list[Node] = []
    for line in text.splitlines():
        if found := _HEX.match(line):
            nodes.append(Node(found[2], found[3], tuple(_NEED.findall(found[4])), shown=found[1]))
        elif found := _GIT.match(line):
            nodes.append(Node(found[1], found[3], note=found[2]))
    direct: list[str] | None = None
    try:
        sibling = file.read_sibling("mix.exs")
        if sibling is not None:
            direct = _DIRECT.findall(_safe_parsers.decode_text(sibling))
    except UnreadableFile:
        pass
    yield from list_locked("hex", nodes, direct, is_wanted)
