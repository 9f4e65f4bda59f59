"""Gemfile.lock: indented lists of gems, each with what it needs, and the direct ones at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import Node, locked

FILES = ("Gemfile.lock", "gems.locked", "*.gemfile.lock")
LOCKS = True

_GEM = re.compile(r"    ([\w.-]+) \(([^()]*)\)")
_NEED = re.compile(r"      ([\w.-]+)(?: \(.*\))?!?")
_DIRECT = re.compile(r"  ([\w.-]+)(?: \(.*\))?!?")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked gems."""
    text = _safe_parsers.text(file.data)
    if "<<<<<<<" in text:
        raise Unreadable("holds the marks of a merge that was not finished")
    gems: list[tuple[str, str, list[str], str]] = []
    direct: list[str] = []
    section = ""
    for line in text.splitlines():
        if line and line[0] != " ":
            section = line.strip()
        elif section == "DEPENDENCIES":
            if found := _DIRECT.fullmatch(line.rstrip()):
                direct.append(found[1])
        elif section not in ("GEM", "GIT", "PATH", "PLUGIN SOURCE"):
            continue
        elif found := _GEM.fullmatch(line.rstrip()):
            gems.append((found[1], found[2], [], section))
        elif gems and (found := _NEED.fullmatch(line.rstrip())):
            gems[-1][2].append(found[1])
    if not section:
        raise Unreadable("is not a lock file of bundler")
    own = [need for _, _, needs, part in gems if part == "PATH" for need in needs]
    nodes = [
        Node(name, version.partition("-")[0], tuple(needs))  # what follows the dash is a platform
        for name, version, needs, part in gems
        if part != "PATH"
    ]
    yield from locked("gem", list(dict.fromkeys(nodes)), [*direct, *own], wanted)


def covers(file: File) -> Callable[[str], bool]:
    """Return what tells whether the gem in a folder is one that the lock file takes from the repository."""
    remotes = set(re.findall(r"^  remote: (\S+)$", _safe_parsers.text(file.data), re.MULTILINE))
    return lambda folder: folder in remotes or "." in remotes
