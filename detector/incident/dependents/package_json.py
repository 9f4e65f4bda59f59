"""package.json: the dependencies of an npm, yarn, pnpm or bun project, with aliases and overrides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._npm import SECTIONS, resolve_alias
from detector.incident.dependents._safe_parsers import as_mapping

FILES = ("package.json",)
LOCKS = False

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
