"""package-lock.json and npm-shrinkwrap.json, versions 1 to 3.

Versions 2 and 3 list every package under its installation folder; a dependency is found
in the folder of the package itself, then in those above, as node does it. Version 1 nests
the packages; the direct ones are listed only in the package.json beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import find_paths
from detector.incident.dependents._npm import SECTIONS, list_installed, parse_tarball_url
from detector.incident.dependents._safe_parsers import as_mapping, as_text

FILES = ("package-lock.json", "npm-shrinkwrap.json")
LOCKS = True

_NEEDS = ("dependencies", "optionalDependencies", "peerDependencies")
_FOLDER = "node_modules/"


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield every installation of the package."""
    whole = _safe_parsers.parse_json(file.data)
    if not isinstance(whole, dict):
        raise UnreadableFile("is not a lock file of npm")
    packages = whole.get("packages")
    if isinstance(packages, dict) and (packages or not whole.get("dependencies")):
        yield from _list_installed_folders(packages, is_wanted)
    elif isinstance(whole.get("dependencies"), dict):
        yield from _list_nested(whole["dependencies"], _read_direct_names(file), is_wanted)
    elif "lockfileVersion" not in whole:
        raise UnreadableFile("is not a lock file of npm")


# -- versions 2 and 3 --------------------------------------------------------


def _list_installed_folders(packages: dict[str, Any], is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    hits: dict[str, list[tuple[str, str]]] = {}
    for folder, fields in packages.items():
        key = folder.rpartition(_FOLDER)[2]
        if folder.endswith(key) and _FOLDER in folder and isinstance(fields, dict) and not fields.get("link"):
            url = as_text(fields.get("resolved"))
            both = list_installed(as_text(fields.get("name")) or key, as_text(fields.get("version")) or url, url)
            if found := [one for one in both if is_wanted("npm", one[0])]:
                hits[folder] = found
    if not hits:
        return
    workspaces = [folder for folder in packages if _FOLDER not in folder]  # the root and its workspaces
    direct = {found for folder in workspaces for found in _find_needs(packages, folder, (*SECTIONS,))}
    paths = find_paths(sorted(direct), lambda folder: _find_needs(packages, folder, _NEEDS), hits)
    for folder, name, version in ((folder, *one) for folder, found in hits.items() for one in found):
        yield DependencyEntry(
            "npm",
            name,
            version=version,
            direct=folder in direct,
            via=tuple(_format_package(packages, step) for step in paths.get(folder, ())),
            note=_format_note(packages[folder], folder.rpartition(_FOLDER)[2], name),
        )


def _find_needs(packages: dict[str, Any], folder: str, sections: tuple[str, ...]) -> Iterator[str]:
    """Yield the folders of the dependencies of the package in *place*."""
    fields = packages.get(folder)
    if not isinstance(fields, dict):
        return
    for section in sections:
        names = fields.get(section)
        if not names or not isinstance(names, dict):
            continue
        for name in names:
            at = folder
            while True:
                found = f"{at}/{_FOLDER}{name}" if at else _FOLDER + name
                if found in packages:
                    linked = packages[found]
                    is_link = isinstance(linked, dict) and linked.get("link")
                    yield as_text(linked.get("resolved")) if is_link else found
                    break
                if not at:
                    break
                at = at.rpartition(f"/{_FOLDER}")[0]


def _format_package(packages: dict[str, Any], folder: str) -> str:
    fields = as_mapping(packages.get(folder))
    name = as_text(fields.get("name")) or folder.rpartition(_FOLDER)[2]
    version = as_text(fields.get("version"))
    return f"{name}@{version}" if version else name


def _format_note(fields: dict[str, Any], key: str, name: str) -> str:
    notes = [word for word in ("dev", "optional", "peer") if fields.get(word) is True]
    if key != name:
        notes.append(f"as {key}")
    return ", ".join(notes)


# -- version 1 ---------------------------------------------------------------


def _read_direct_names(file: DependencyFile) -> set[str] | None:
    """Return the names of the dependencies in the package.json beside *file*, None if it cannot be read."""
    try:
        data = file.read_sibling("package.json")
        fields = as_mapping(_safe_parsers.parse_json(data)) if data is not None else None
    except UnreadableFile:
        return None
    return None if fields is None else {name for section in SECTIONS for name in as_mapping(fields.get(section))}


def _list_nested(
    dependencies: dict[str, Any], direct_names: set[str] | None, is_wanted: IsWanted
) -> Iterator[DependencyEntry]:
    Position = tuple[str, ...]
    tables: dict[Position, dict[str, Any]] = {}
    stack: list[tuple[Position, dict[str, Any]]] = [((), {"dependencies": dependencies})]
    while stack:
        folder, fields = stack.pop()
        tables[folder] = fields
        if len(folder) > _safe_parsers.MAX_DEPTH:
            raise UnreadableFile("is nested too deeply")
        for name, below in as_mapping(fields.get("dependencies")).items():
            if isinstance(below, dict):
                stack.append(((*folder, name), below))
    hits: dict[Position, list[tuple[str, str]]] = {}
    for folder, fields in tables.items():
        if folder:
            both = list_installed(*_resolve_alias(folder[-1], fields), as_text(fields.get("resolved")))
            if found := [one for one in both if is_wanted("npm", one[0])]:
                hits[folder] = found
    if not hits:
        return

    def needs(folder: Position) -> Iterator[Position]:
        for name in as_mapping(tables[folder].get("requires")):
            for above in range(len(folder), -1, -1):
                if (*folder[:above], name) in tables:
                    yield (*folder[:above], name)
                    break

    if direct_names is None:  # a package that no other one requires is direct
        required = {found for folder in tables for found in needs(folder)}
        direct = {folder for folder in tables if len(folder) == 1 and folder not in required}
    else:
        direct = {(name,) for name in direct_names if (name,) in tables}
    paths = find_paths(sorted(direct), needs, hits)
    for folder, name, version in ((folder, *one) for folder, found in sorted(hits.items()) for one in found):
        is_direct = True if folder in direct else None if direct_names is None else False
        steps = (_resolve_alias(step[-1], tables[step]) for step in paths.get(folder, ()))
        yield DependencyEntry(
            "npm",
            name,
            version=version,
            direct=is_direct,
            via=tuple(f"{step}@{at}" if at else step for step, at in steps),
            note=_format_note(tables[folder], folder[-1], name),
        )


def _resolve_alias(key: str, fields: dict[str, Any]) -> tuple[str, str]:
    """Return the real name and version; the version of an alias is ``npm:real@1.0``."""
    version = as_text(fields.get("version"))
    if version.startswith("npm:"):
        name, _, version = version[4:].rpartition("@")
        return name, version
    return parse_tarball_url(version) or (key, version)  # npm 5 wrote the URL of the tarball


def make_workspace_filter(file: DependencyFile) -> Callable[[str], bool]:
    """See `WorkspaceReader`."""
    return as_mapping(as_mapping(_safe_parsers.parse_json(file.data)).get("packages")).__contains__
