"""bun.lock: JSON with comments; the key of a package is the path of packages above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import find_paths
from detector.incident.dependents._npm import SECTIONS
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

FILES = ("bun.lock",)
LOCKS = True

_NEEDS = ("dependencies", "optionalDependencies", "peerDependencies")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked versions of the package."""
    whole = as_mapping(_safe_parsers.parse_jsonc(file.data))
    if "lockfileVersion" not in whole:
        raise UnreadableFile("is not a lock file of bun")
    packages = {key: row for key, row in as_mapping(whole.get("packages")).items() if as_list(row)}
    named = {key: _split_name(as_text(row[0])) for key, row in packages.items()}
    hits = [key for key, (name, version) in named.items() if not _is_local(version) and is_wanted("npm", name)]
    if not hits:
        return

    def needs(key: str) -> Iterator[str]:
        table = next((as_mapping(part) for part in packages[key][1:] if isinstance(part, dict)), {})
        for section in _NEEDS:
            for name in as_mapping(table.get(section)):
                yield from _resolve(packages, key, name)

    direct: set[str] = set()
    for workspace in as_mapping(whole.get("workspaces")).values():
        own_name = as_text(as_mapping(workspace).get("name"))
        for section in SECTIONS:
            for name in as_mapping(as_mapping(workspace).get(section)):
                direct.update(_resolve(packages, own_name, name))
    paths = find_paths(sorted(direct), needs, hits)
    for key in hits:
        name, version = named[key]
        via = tuple("@".join(named[step]) for step in paths.get(key, ()))
        alias = _split_key(key)[-1]
        note = f"as {alias}" if alias != name else ""
        yield DependencyEntry("npm", name, version=version, direct=key in direct, via=via, note=note)


def _split_name(text: str) -> tuple[str, str]:
    at = text.find("@", 1)
    return (text, "") if at < 0 else (text[:at], text[at + 1 :])


def _is_local(version: str) -> bool:
    return version.startswith(("workspace:", "link:", "file:"))


def _split_key(key: str) -> list[str]:
    """Split the key of a package into names.

    >>> _split_key("a/@b/c/d")
    ['a', '@b/c', 'd']
    """
    parts: list[str] = []
    for part in key.split("/"):
        if parts and parts[-1].startswith("@") and "/" not in parts[-1]:
            parts[-1] += f"/{part}"
        else:
            parts.append(part)
    return parts


def _resolve(packages: dict[str, Any], key: str, name: str) -> Iterator[str]:
    """Yield the key of the package that *name* means in the package *key*: the nearest one above it."""
    above = _split_key(key) if key else []
    for count in range(len(above), -1, -1):
        found = "/".join([*above[:count], name])
        if found in packages:
            yield found
            return


def make_workspace_filter(file: DependencyFile) -> Callable[[str], bool]:
    """See `WorkspaceReader`."""
    return as_mapping(as_mapping(_safe_parsers.parse_jsonc(file.data)).get("workspaces")).__contains__
