"""yarn.lock, of yarn 1 and of its successors.

Both are read line by line: a key at the margin names the ranges that a version
serves, and what is indented belongs to it. Successors list the projects of the
workspace as well; for yarn 1 the package.json beside it says what is direct,
and what nothing else needs must be asked for by a workspace.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import ways
from detector.incident.dependents._safe_parsers import items, mapping, string
from detector.incident.dependents.package_json import SECTIONS, locked

FILES = ("yarn.lock",)
LOCKS = True

_FIELD = re.compile(r'  (version|resolution|resolved):? "?([^"]*)"?\s*')
_SECTION = re.compile(r"  (\w+):\s*")
_NEED = re.compile(r'    "?([^":\s]+)"?:? +"?([^"]*)"?\s*')


class _Block(NamedTuple):
    """A locked version: the ranges that it serves, and what it needs as ranges."""

    serves: tuple[str, ...]
    version: str
    resolution: str
    needs: tuple[str, ...]
    url: str

    @property
    def installed(self) -> list[tuple[str, str]]:
        """Names and versions of what is installed: two if what is fetched is something else."""
        return [] if self.own else locked(self.name, self.version, self.url)

    @property
    def name(self) -> str:
        """The real name, whatever the alias."""
        told = self.resolution or self.serves[0]
        name, _, rest = told[1:].partition("@")
        if rest.startswith("npm:") and not rest[4:5].isdigit() and rest[4:5] not in "^~<>=*xv":
            alias = rest[4:]
            return alias[: alias.find("@", 1)] if "@" in alias[1:] else alias
        return told[0] + name

    @property
    def own(self) -> bool:
        """Whether it is a project of the workspace."""
        return "@workspace:" in self.resolution


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked versions of the package."""
    text = _safe_parsers.text(file.data)
    if "<<<<<<<" in text:
        raise Unreadable("holds the marks of a merge that was not finished")
    blocks = list(_blocks(text))
    if not blocks and text.strip() and "# yarn lockfile" not in text and "__metadata" not in text:
        raise Unreadable("is not a lock file of yarn")
    serving = {served: number for number, block in enumerate(blocks) for served in block.serves}
    hits = [number for number, block in enumerate(blocks) if any(wanted("npm", name) for name, _ in block.installed)]
    if not hits:
        return

    def needs(number: int) -> Iterator[int]:
        for need in blocks[number].needs:
            for spelled in (need, need.replace("@", "@npm:", 1) if need[0] != "@" else _npm(need)):
                if spelled in serving:
                    yield serving[spelled]
                    break

    own = [number for number, block in enumerate(blocks) if block.own]
    told: bool | None = True
    if own:
        direct = {other for number in own for other in needs(number)}
    else:
        asked, workspaces = _asked_beside(file)
        direct = {serving[spec] for spec in asked or () if spec in serving}
        if asked is None or workspaces:
            needed = {other for number in range(len(blocks)) for other in needs(number)}
            direct |= {number for number in range(len(blocks)) if number not in needed}
            told = None
    known = ways(sorted(direct), needs, hits)
    for number in hits:
        block = blocks[number]
        via = tuple(f"{blocks[step].name}@{blocks[step].version}" for step in known.get(number, ()))
        known_as = {served[: served.find("@", 1)] for served in block.serves}
        is_direct = True if number in direct else None if told is None and not via else False
        for name, version in block.installed:
            if wanted("npm", name):
                aliases = sorted(known_as - {name})
                note = f"as {', '.join(aliases)}" if aliases else ""
                yield Entry("npm", name, version=version, direct=is_direct, via=via, note=note)


def _npm(need: str) -> str:
    name, _, asked = need[1:].partition("@")
    return f"@{name}@npm:{asked}"


def _blocks(text: str) -> Iterator[_Block]:
    serves: tuple[str, ...] = ()
    version = resolution = section = url = ""
    needs: list[str] = []
    for line in text.splitlines():
        if not line or line[0] == "#":
            continue
        if line[0] != " ":
            if serves and version:
                yield _Block(serves, version, resolution, tuple(needs), url)
            key = line.rstrip().rstrip(":")
            serves = tuple(part.strip(' "') for part in key.split(",") if part.strip(' "'))
            if serves == ("__metadata",):
                serves = ()
            version = resolution = section = url = ""
            needs = []
        elif line.startswith("    "):
            need = _NEED.fullmatch(line) if section in ("dependencies", "optionalDependencies") else None
            if need:
                needs.append(f"{need[1]}@{need[2]}")
        elif field := _FIELD.fullmatch(line):
            section = ""
            if field[1] == "version":
                version = field[2]
            elif field[1] == "resolved":
                url = field[2]
            else:
                resolution = field[2]
        else:
            found = _SECTION.fullmatch(line)
            section = found[1] if found else ""
    if serves and version:
        yield _Block(serves, version, resolution, tuple(needs), url)


def _asked_beside(file: File) -> tuple[set[str] | None, bool]:
    """Return what the package.json beside *file* asks for, and whether it has workspaces."""
    try:
        data = file.beside("package.json")
        whole = mapping(_safe_parsers.json(data)) if data is not None else None
    except Unreadable:
        whole = None
    if whole is None:
        return None, False
    forced = mapping(whole.get("resolutions"))
    asked = set()
    for section in SECTIONS:
        for name, constraint in mapping(whole.get(section)).items():
            asked.add(f"{name}@{string(constraint)}")
            if name in forced:
                asked.add(f"{name}@{string(forced[name])}")
    return asked, bool(whole.get("workspaces"))


def covers(file: File) -> Callable[[str], bool]:
    """Return what tells whether a folder is a workspace: the lock file says so, or the package.json beside it."""
    own = set(re.findall(r'@workspace:([^"]+)"', _safe_parsers.text(file.data)))
    try:
        data = file.beside("package.json")
        told = mapping(_safe_parsers.json(data)).get("workspaces") if data is not None else None
    except Unreadable:
        told = None
    globs = [
        string(glob).strip("./") for glob in items(told if isinstance(told, list) else mapping(told).get("packages"))
    ]
    return lambda folder: folder in own or any(fnmatchcase(folder, glob) for glob in globs)
