"""mix.lock: an Elixir map that is read, not run; the mix.exs beside it says what is direct."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import Node, locked

FILES = ("mix.lock",)
LOCKS = True

_HEX = re.compile(r'\s*"([\w.-]+)":\s*\{:hex,\s*:"?([\w.-]+)"?,\s*"([^"]+)"(.*)')
_GIT = re.compile(r'\s*"([\w.-]+)":\s*\{:git,\s*"([^"]+)",\s*"([^"]+)"')
_NEED = re.compile(r'\{:"?([\w.-]+)"?,\s*"[^"]*"')
_DIRECT = re.compile(r"\{:(\w+),")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked packages."""
    text = _safe_parsers.text(file.data)
    if not text.lstrip().startswith("%{"):
        raise Unreadable("is not a lock file of mix")
    nodes: list[Node] = []
    for line in text.splitlines():
        if found := _HEX.match(line):
            nodes.append(Node(found[2], found[3], tuple(_NEED.findall(found[4])), shown=found[1]))
        elif found := _GIT.match(line):
            nodes.append(Node(found[1], found[3], note=found[2]))
    direct: list[str] | None = None
    try:
        beside = file.beside("mix.exs")
        if beside is not None:
            direct = _DIRECT.findall(_safe_parsers.text(beside))
    except Unreadable:
        pass
    yield from locked("hex", nodes, direct, wanted)
