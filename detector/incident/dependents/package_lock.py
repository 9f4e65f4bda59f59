"""package-lock.json and npm-shrinkwrap.json, versions 1 to 3.

Versions 2 and 3 list every package under the folder it is put in; what a
package asks for is found in its own folder, then in those above, as node does.
Version 1 nests the packages themselves and knows the direct ones only from the
package.json beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import ways
from detector.incident.dependents._safe_parsers import mapping, string
from detector.incident.dependents.package_json import SECTIONS, fetched, locked

FILES = ("package-lock.json", "npm-shrinkwrap.json")
LOCKS = True

_NEEDS = ("dependencies", "optionalDependencies", "peerDependencies")
_FOLDER = "node_modules/"


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield every place in which the package is installed."""
    whole = _safe_parsers.json(file.data)
    if not isinstance(whole, dict):
        raise Unreadable("is not a lock file of npm")
    packages = whole.get("packages")
    if isinstance(packages, dict) and (packages or not whole.get("dependencies")):
        yield from _folders(packages, wanted)
    elif isinstance(whole.get("dependencies"), dict):
        yield from _nested(whole["dependencies"], _asked_beside(file), wanted)
    elif "lockfileVersion" not in whole:
        raise Unreadable("is not a lock file of npm")


# -- versions 2 and 3 --------------------------------------------------------


def _folders(packages: dict[str, Any], wanted: Wanted) -> Iterator[Entry]:
    hits: dict[str, list[tuple[str, str]]] = {}
    for place, told in packages.items():
        key = place.rpartition(_FOLDER)[2]
        if place.endswith(key) and _FOLDER in place and isinstance(told, dict) and not told.get("link"):
            url = string(told.get("resolved"))
            both = locked(string(told.get("name")) or key, string(told.get("version")) or url, url)
            if found := [one for one in both if wanted("npm", one[0])]:
                hits[place] = found
    if not hits:
        return
    own = [place for place in packages if _FOLDER not in place]  # the root and its workspaces
    direct = {found for place in own for found in _needs(packages, place, (*SECTIONS,))}
    known = ways(sorted(direct), lambda place: _needs(packages, place, _NEEDS), hits)
    for place, name, version in ((place, *one) for place, found in hits.items() for one in found):
        yield Entry(
            "npm",
            name,
            version=version,
            direct=place in direct,
            via=tuple(_shown(packages, step) for step in known.get(place, ())),
            note=_note(packages[place], place.rpartition(_FOLDER)[2], name),
        )


def _needs(packages: dict[str, Any], place: str, sections: tuple[str, ...]) -> Iterator[str]:
    """Yield the folders of what the package in *place* asks for."""
    told = packages.get(place)
    if not isinstance(told, dict):
        return
    for section in sections:
        names = told.get(section)
        if not names or not isinstance(names, dict):
            continue
        for name in names:
            at = place
            while True:
                found = f"{at}/{_FOLDER}{name}" if at else _FOLDER + name
                if found in packages:
                    linked = packages[found]
                    is_link = isinstance(linked, dict) and linked.get("link")
                    yield string(linked.get("resolved")) if is_link else found
                    break
                if not at:
                    break
                at = at.rpartition(f"/{_FOLDER}")[0]


def _shown(packages: dict[str, Any], place: str) -> str:
    told = mapping(packages.get(place))
    name = string(told.get("name")) or place.rpartition(_FOLDER)[2]
    version = string(told.get("version"))
    return f"{name}@{version}" if version else name


def _note(told: dict[str, Any], key: str, name: str) -> str:
    notes = [word for word in ("dev", "optional", "peer") if told.get(word) is True]
    if key != name:
        notes.append(f"as {key}")
    return ", ".join(notes)


# -- version 1 ---------------------------------------------------------------


def _asked_beside(file: File) -> set[str] | None:
    """Return the names that the package.json beside *file* asks for, None if there is none to be read."""
    try:
        data = file.beside("package.json")
        told = mapping(_safe_parsers.json(data)) if data is not None else None
    except Unreadable:
        return None
    return None if told is None else {name for section in SECTIONS for name in mapping(told.get(section))}


def _nested(dependencies: dict[str, Any], asked: set[str] | None, wanted: Wanted) -> Iterator[Entry]:
    Place = tuple[str, ...]
    tables: dict[Place, dict[str, Any]] = {}
    stack: list[tuple[Place, dict[str, Any]]] = [((), {"dependencies": dependencies})]
    while stack:
        place, told = stack.pop()
        tables[place] = told
        if len(place) > _safe_parsers.MAX_DEPTH:
            raise Unreadable("is nested too deeply")
        for name, below in mapping(told.get("dependencies")).items():
            if isinstance(below, dict):
                stack.append(((*place, name), below))
    hits: dict[Place, list[tuple[str, str]]] = {}
    for place, told in tables.items():
        if place:
            both = locked(*_alias(place[-1], told), string(told.get("resolved")))
            if found := [one for one in both if wanted("npm", one[0])]:
                hits[place] = found
    if not hits:
        return

    def needs(place: Place) -> Iterator[Place]:
        for name in mapping(tables[place].get("requires")):
            for above in range(len(place), -1, -1):
                if (*place[:above], name) in tables:
                    yield (*place[:above], name)
                    break

    if asked is None:  # what nobody requires was asked for by the project
        required = {found for place in tables for found in needs(place)}
        direct = {place for place in tables if len(place) == 1 and place not in required}
    else:
        direct = {(name,) for name in asked if (name,) in tables}
    known = ways(sorted(direct), needs, hits)
    for place, name, version in ((place, *one) for place, found in sorted(hits.items()) for one in found):
        is_direct = True if place in direct else None if asked is None else False
        steps = (_alias(step[-1], tables[step]) for step in known.get(place, ()))
        yield Entry(
            "npm",
            name,
            version=version,
            direct=is_direct,
            via=tuple(f"{step}@{at}" if at else step for step, at in steps),
            note=_note(tables[place], place[-1], name),
        )


def _alias(key: str, told: dict[str, Any]) -> tuple[str, str]:
    """Return the real name and version: ``npm:real@1.0`` stands for an alias."""
    version = string(told.get("version"))
    if version.startswith("npm:"):
        name, _, version = version[4:].rpartition("@")
        return name, version
    return fetched(version) or (key, version)  # npm 5 wrote the address of the tarball


def covers(file: File) -> Callable[[str], bool]:
    """Return what tells whether a folder is a workspace of the lock file."""
    return mapping(mapping(_safe_parsers.json(file.data)).get("packages")).__contains__
