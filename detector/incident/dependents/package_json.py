"""package.json: what an npm, yarn, pnpm or bun project asks for, aliases and overrides included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._safe_parsers import mapping

FILES = ("package.json",)
LOCKS = False

SECTIONS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
MAX_DEPTH = 16


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the sections, then what overrides and resolutions force on others."""
    whole = mapping(_safe_parsers.json(file.data))
    for section in SECTIONS:
        for key, asked in mapping(whole.get(section)).items():
            name, constraint = real(key, asked)
            if wanted("npm", name):
                note = "" if section == "dependencies" else section
                if name != key:
                    note = f"{note}, as {key}".lstrip(", ")
                yield Entry("npm", name, constraint=constraint, direct=True, note=note)
    pnpm = mapping(whole.get("pnpm"))
    for section, table in (
        ("overrides", whole.get("overrides")),
        ("resolutions", whole.get("resolutions")),
        ("pnpm.overrides", pnpm.get("overrides")),
    ):
        yield from _forced(section, "", table, wanted, 0)


def _forced(section: str, above: str, table: Any, wanted: Wanted, depth: int) -> Iterator[Entry]:
    """Read ``"a": "1.0"``, ``"a>b"``, ``"**/a"``, ``"a@^1"``, and npm's tables within tables."""
    for key, asked in mapping(table).items():
        last = key.rpartition(">")[2].strip() if ">" in key and "@>" not in key else key
        parts = last.split("/")
        last = "/".join(parts[-2:]) if len(parts) > 1 and parts[-2].startswith("@") else parts[-1]
        at = last.find("@", 1)
        bare = above if key == "." else last if at < 0 else last[:at]
        if isinstance(asked, dict):
            if depth < MAX_DEPTH:
                yield from _forced(section, bare, asked, wanted, depth + 1)
            continue
        name, constraint = real(bare, asked)
        if wanted("npm", name):
            yield Entry("npm", name, constraint=constraint, note=section)


def real(key: str, asked: object) -> tuple[str, str]:
    """Return the package and the range that are asked for under the name *key*.

    >>> real("old", "npm:@scope/new@^2"), real("a", "1.x"), real("b", "npm:c")
    (('@scope/new', '^2'), ('a', '1.x'), ('c', '*'))
    """
    text = asked if isinstance(asked, str) else ""
    if not text.startswith("npm:"):
        return key, text
    target = text[4:]
    at = target.find("@", 1)
    if at < 0:
        return (target, "*") if not target[:1].isdigit() and target[:1] not in "^~<>=*" else (key, target)
    return target[:at], target[at + 1 :]


def fetched(url: str) -> tuple[str, str] | None:
    """Return name and version of the tarball that *url* brings, None if it does not say.

    That is what gets installed, whatever the lock file calls it.

    >>> fetched("https://registry.acme.test/npm/@a%2fb/-/b-1.0.0-rc.1.tgz#0f"), fetched("https://acme.test/b-1.0.tgz")
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


def locked(name: str, version: str, url: str) -> list[tuple[str, str]]:
    """Return what a lock file says to install by name and version, and what it fetches if that is something else."""
    return list(dict.fromkeys([(name, version), fetched(url) or (name, version)]))
