"""Gemfile.lock: indented lists of gems with their dependencies; the direct ones are listed at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import Node, list_locked

FILES = ("Gemfile.lock", "gems.locked", "*.gemfile.lock")
LOCKS = True

_GEM = re.compile(r"    ([\w.-]+) \(([^()]*)\)")
_NEED = re.compile(r"      ([\w.-]+)(?: \(.*\))?!?")
_DIRECT = re.compile(r"  ([\w.-]+)(?: \(.*\))?!?")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked gems."""
    text = _safe_parsers.decode_text(file.data)
    if "<<<<<<<" in text:
        raise UnreadableFile("contains conflict markers of a merge")
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
        raise UnreadableFile("is not a lock file of bundler")
    own = [need for _, _, needs, part in gems if part == "PATH" for need in needs]
    nodes = [
        Node(name, version.partition("-")[0], tuple(needs))  # after the dash follows a platform
        for name, version, needs, part in gems
        if part != "PATH"
    ]
    yield from list_locked("gem", list(dict.fromkeys(nodes)), [*direct, *own], is_wanted)


def make_workspace_filter(file: DependencyFile) -> Callable[[str], bool]:
    """See `WorkspaceReader`: the folders of gems that the lock file takes from the repository."""
    remotes = set(re.findall(r"^  remote: (\S+)$", _safe_parsers.decode_text(file.data), re.MULTILINE))
    return lambda folder: folder in remotes or "." in remotes
