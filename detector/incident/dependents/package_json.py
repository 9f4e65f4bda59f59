"""package.json: the dependencies of an npm, yarn, pnpm or bun project, with aliases and overrides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._safe_parsers import as_mapping

FILES = ("package.json",)
LOCKS = False

SECTIONS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
MAX_DEPTH = 16


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the dependencies of all sections, then overrides and resolutions."""
    whole = as_mapping(_safe_parsers.parse_json(file.data))
    for section in SECTIONS:
        for key, spec in as_mapping(whole.get(section)).items():
            name, constraint = resolve_alias(key, spec)
            if is_wanted("npm", name):
                note = "" if section == "dependencies" else section
                if name != key:
                    note = f"{note}, as {key}".lstrip(", ")
                yield DependencyEntry("npm", name, constraint=constraint, direct=True, note=note)
    pnpm = as_mapping(whole.get("pnpm"))
    for section, table in (
        ("overrides", whole.get("overrides")),
        ("resolutions", whole.get("resolutions")),
        ("pnpm.overrides", pnpm.get("overrides")),
    ):
        yield from _list_forced(section, "", table, is_wanted, 0)


def _list_forced(section: str, above: str, table: Any, is_wanted: IsWanted, depth: int) -> Iterator[DependencyEntry]:
    """Read overrides such as ``"a": "1.0"``, ``"a>b"``, ``"**/a"``, ``"a@^1"``, and npm's nested tables."""
    for key, spec in as_mapping(table).items():
        last = key.rpartition(">")[2].strip() if ">" in key and "@>" not in key else key
        parts = last.split("/")
        last = "/".join(parts[-2:]) if len(parts) > 1 and parts[-2].startswith("@") else parts[-1]
        at = last.find("@", 1)
        bare = above if key == "." else last if at < 0 else last[:at]
        if isinstance(spec, dict):
            if depth < MAX_DEPTH:
                yield from _list_forced(section, bare, spec, is_wanted, depth + 1)
            continue
        name, constraint = resolve_alias(bare, spec)
        if is_wanted("npm", name):
            yield DependencyEntry("npm", name, constraint=constraint, note=section)


def resolve_alias(key: str, spec: object) -> tuple[str, str]:
    """Return the real name and the constraint of the dependency that is listed as *key*.

    >>> resolve_alias("old", "npm:@scope/new@^2"), resolve_alias("a", "1.x"), resolve_alias("b", "npm:c")
    (('@scope/new', '^2'), ('a', '1.x'), ('c', '*'))
    """
    text = spec if isinstance(spec, str) else ""
    if not text.startswith("npm:"):
        return key, text
    target = text[4:]
    at = target.find("@", 1)
    if at < 0:
        return (target, "*") if not target[:1].isdigit() and target[:1] not in "^~<>=*" else (key, target)
    return target[:at], target[at + 1 :]


def parse_tarball_url(url: str) -> tuple[str, str] | None:
    """Return name and version of the tarball at *url*, None if the URL does not contain them.

    That is what is installed, whatever the name and version in the lock file.

    >>> parse_tarball_url("https://registry.acme.test/npm/@a%2fb/-/b-1.0.0-rc.1.tgz#0f"), parse_tarball_url("https://acme.test/b-1.0.tgz")
    (('@a/b', '1.0.0-rc.1'), None)
    """
    from urllib.parse import unquote

    place, dash, file = url.partition("#")[0].partition("?")[0].rpartition("/-/")
    if not dash or not file.endswith(".tgz"):
        return None
    pieces = unquote(place).split("/")
    name = "/".join(pieces[-2:] if pieces[-2:-1] and pieces[-2].startswith("@") else pieces[-1:])
    begin = f"{name.rpartition('/')[2]}-"
    return (name, file[len(begin) : -len(".tgz")]) if file.startswith(begin) else None


def list_installed(name: str, version: str, url: str) -> list[tuple[str, str]]:
    """Return name and version in a lock file, and those of the tarball at *url* if they differ."""
    return list(dict.fromkeys([(name, version), parse_tarball_url(url) or (name, version)]))
