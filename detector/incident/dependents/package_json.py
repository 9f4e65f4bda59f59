"""package.json: what an npm, yarn, pnpm or bun project asks for, aliases and overrides included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import bounded_
from detector.incident.dependents.bounded_ import mapping
from detector.incident.dependents.entry_ import Entry, File, Wanted

FILES = ("package.json",)
LOCKS = False

SECTIONS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
MAX_DEPTH = 16


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the sections, then what overrides and resolutions force on others."""
    whole = mapping(bounded_.json(file.data))
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
