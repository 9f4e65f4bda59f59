"""Cargo.toml: the dependencies of a crate or a workspace; renamed crates have their real names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._safe_parsers import as_mapping, as_text

FILES = ("Cargo.toml",)
LOCKS = False

_SECTIONS = ("dependencies", "dev-dependencies", "build-dependencies")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the dependencies of all sections and targets."""
    whole = _safe_parsers.parse_toml(file.data)
    tables = [(section, whole.get(section)) for section in _SECTIONS]
    for target, spec in as_mapping(whole.get("target")).items():
        tables += [(f"{section} of {target}", as_mapping(spec).get(section)) for section in _SECTIONS]
    tables.append(("workspace", as_mapping(whole.get("workspace")).get("dependencies")))
    tables += [(f"patch of {source}", spec) for source, spec in as_mapping(whole.get("patch")).items()]
    for section, table in tables:
        for key, spec in as_mapping(table).items():
            name = as_text(as_mapping(spec).get("package")) or key
            if is_wanted("cargo", name) and not as_mapping(spec).get("workspace"):
                note = section if section != "dependencies" else ""
                if name != key:
                    note = f"{note}, as {key}".lstrip(", ")
                yield DependencyEntry("cargo", name, constraint=_get_constraint(spec), direct=True, note=note)


def _get_constraint(spec: Any) -> str:
    if isinstance(spec, str):
        return spec
    table = as_mapping(spec)
    return next((as_text(table[key]) for key in ("version", "git", "path") if table.get(key)), "")
