"""yarn.lock, of yarn 1 and of its successors.

Both are read line by line: an unindented key lists the ranges that a version satisfies,
the indented lines belong to it. The successors also list the projects of the workspace.
For yarn 1, the direct packages are in the package.json beside it; if it has workspaces,
packages that no other one requires are taken as direct.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import find_paths
from detector.incident.dependents._npm import SECTIONS, list_installed
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

FILES = ("yarn.lock",)
LOCKS = True

_FIELD = re.compile(r'  (version|resolution|resolved):? "?([^"]*)"?\s*')
_SECTION = re.compile(r"  (\w+):\s*")
_NEED = re.compile(r'    "?([^":\s]+)"?:? +"?([^"]*)"?\s*')


class _LockedPackage(NamedTuple):
    """A locked version: the requests (name and range) that it satisfies, and the requests of its dependencies."""

    requests: tuple[str, ...]
    version: str
    resolution: str
    needs: tuple[str, ...]
    url: str

    @property
    def installed(self) -> list[tuple[str, str]]:
        """Name and version, and those of the fetched tarball if they differ."""
        return [] if self.is_local else list_installed(self.name, self.version, self.url)

    @property
    def name(self) -> str:
        """The real name, also of an alias."""
        spec = self.resolution or self.requests[0]
        name, _, rest = spec[1:].partition("@")
        if rest.startswith("npm:") and not rest[4:5].isdigit() and rest[4:5] not in "^~<>=*xv":
            alias = rest[4:]
            return alias[: alias.find("@", 1)] if "@" in alias[1:] else alias
        return spec[0] + name

    @property
    def is_local(self) -> bool:
        """Whether it is a project of the workspace."""
        return "@workspace:" in self.resolution


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked versions of the package."""
    text = _safe_parsers.decode_text(file.data)
    if "<<<<<<<" in text:
        raise UnreadableFile("contains conflict markers of a merge")
    blocks = list(_parse(text))
    if not blocks and text.strip() and "# yarn lockfile" not in text and "__metadata" not in text:
        raise UnreadableFile("is not a lock file of yarn")
    by_request = {request: number for number, block in enumerate(blocks) for request in block.requests}
    hits = [number for number, block in enumerate(blocks) if any(is_wanted("npm", name) for name, _ in block.installed)]
    if not hits:
        return

    def needs(number: int) -> Iterator[int]:
        for need in blocks[number].needs:
            for spelled in (need, need.replace("@", "@npm:", 1) if need[0] != "@" else _add_npm_protocol(need)):
                if spelled in by_request:
                    yield by_request[spelled]
                    break

    is_local = [number for number, block in enumerate(blocks) if block.is_local]
    knows_direct = True
    if is_local:
        direct = {other for number in is_local for other in needs(number)}
    else:
        direct_requests, workspaces = _read_direct_requests(file)
        direct = {by_request[spec] for spec in direct_requests or () if spec in by_request}
        if direct_requests is None or workspaces:
            needed = {other for number in range(len(blocks)) for other in needs(number)}
            direct |= {number for number in range(len(blocks)) if number not in needed}
            knows_direct = False
    paths = find_paths(sorted(direct), needs, hits)
    for number in hits:
        block = blocks[number]
        via = tuple(f"{blocks[step].name}@{blocks[step].version}" for step in paths.get(number, ()))
        names = {request[: request.find("@", 1)] for request in block.requests}
        is_direct = True if number in direct else None if not knows_direct and not via else False
        for name, version in block.installed:
            if is_wanted("npm", name):
                aliases = sorted(names - {name})
                note = f"as {', '.join(aliases)}" if aliases else ""
                yield DependencyEntry("npm", name, version=version, direct=is_direct, via=via, note=note)


def _add_npm_protocol(need: str) -> str:
    name, _, constraint = need[1:].partition("@")
    return f"@{name}@npm:{constraint}"


def _parse(text: str) -> Iterator[_LockedPackage]:
    requests: tuple[str, ...] = ()
    version = resolution = section = url = ""
    needs: list[str] = []
    for line in text.splitlines():
        if not line or line[0] == "#":
            continue
        if line[0] != " ":
            if requests and version:
                yield _LockedPackage(requests, version, resolution, tuple(needs), url)
            key = line.rstrip().rstrip(":")
            requests = tuple(part.strip(' "') for part in key.split(",") if part.strip(' "'))
            if requests == ("__metadata",):
                requests = ()
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
    if requests and version:
        yield _LockedPackage(requests, version, resolution, tuple(needs), url)


def _read_direct_requests(file: DependencyFile) -> tuple[set[str] | None, bool]:
    """Return the requests in the package.json beside *file*, and whether it has workspaces."""
    try:
        data = file.read_sibling("package.json")
        whole = as_mapping(_safe_parsers.parse_json(data)) if data is not None else None
    except UnreadableFile:
        whole = None
    if whole is None:
        return None, False
    forced = as_mapping(whole.get("resolutions"))
    direct_requests = set()
    for section in SECTIONS:
        for name, constraint in as_mapping(whole.get(section)).items():
            direct_requests.add(f"{name}@{as_text(constraint)}")
            if name in forced:
                direct_requests.add(f"{name}@{as_text(forced[name])}")
    return direct_requests, bool(whole.get("workspaces"))


def make_workspace_filter(file: DependencyFile) -> Callable[[str], bool]:
    """See `WorkspaceReader`: the workspaces in the lock file and in the package.json beside it."""
    is_local = set(re.findall(r'@workspace:([^"]+)"', _safe_parsers.decode_text(file.data)))
    try:
        data = file.read_sibling("package.json")
        workspaces = as_mapping(_safe_parsers.parse_json(data)).get("workspaces") if data is not None else None
    except UnreadableFile:
        workspaces = None
    globs = [
        as_text(glob).strip("./")
        for glob in as_list(workspaces if isinstance(workspaces, list) else as_mapping(workspaces).get("packages"))
    ]
    return lambda folder: folder in is_local or any(fnmatchcase(folder, glob) for glob in globs)
