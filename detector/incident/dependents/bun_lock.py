"""bun.lock: JSON with remarks; packages are listed under the way that leads to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import ways
from detector.incident.dependents._safe_parsers import items, mapping, string
from detector.incident.dependents.package_json import SECTIONS

FILES = ("bun.lock",)
LOCKS = True

_NEEDS = ("dependencies", "optionalDependencies", "peerDependencies")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked versions of the package."""
    whole = mapping(_safe_parsers.jsonc(file.data))
    if "lockfileVersion" not in whole:
        raise Unreadable("is not a lock file of bun")
    packages = {key: row for key, row in mapping(whole.get("packages")).items() if items(row)}
    named = {key: _named(string(row[0])) for key, row in packages.items()}
    hits = [key for key, (name, version) in named.items() if not _own(version) and wanted("npm", name)]
    if not hits:
        return

    def needs(key: str) -> Iterator[str]:
        table = next((mapping(part) for part in packages[key][1:] if isinstance(part, dict)), {})
        for section in _NEEDS:
            for name in mapping(table.get(section)):
                yield from _resolved(packages, key, name)

    direct: set[str] = set()
    for workspace in mapping(whole.get("workspaces")).values():
        own_name = string(mapping(workspace).get("name"))
        for section in SECTIONS:
            for name in mapping(mapping(workspace).get(section)):
                direct.update(_resolved(packages, own_name, name))
    known = ways(sorted(direct), needs, hits)
    for key in hits:
        name, version = named[key]
        via = tuple("@".join(named[step]) for step in known.get(key, ()))
        alias = _split(key)[-1]
        note = f"as {alias}" if alias != name else ""
        yield Entry("npm", name, version=version, direct=key in direct, via=via, note=note)


def _named(told: str) -> tuple[str, str]:
    at = told.find("@", 1)
    return (told, "") if at < 0 else (told[:at], told[at + 1 :])


def _own(version: str) -> bool:
    return version.startswith(("workspace:", "link:", "file:"))


def _split(key: str) -> list[str]:
    """Split the way to a package into names.

    >>> _split("a/@b/c/d")
    ['a', '@b/c', 'd']
    """
    parts: list[str] = []
    for part in key.split("/"):
        if parts and parts[-1].startswith("@") and "/" not in parts[-1]:
            parts[-1] += f"/{part}"
        else:
            parts.append(part)
    return parts


def _resolved(packages: dict[str, Any], key: str, name: str) -> Iterator[str]:
    """Yield the package that *name* means within *key*: the nearest one on the way up."""
    way = _split(key) if key else []
    for count in range(len(way), -1, -1):
        found = "/".join([*way[:count], name])
        if found in packages:
            yield found
            return


def covers(file: File) -> Callable[[str], bool]:
    """Return what tells whether a folder is a workspace of the lock file."""
    return mapping(mapping(_safe_parsers.jsonc(file.data)).get("workspaces")).__contains__
