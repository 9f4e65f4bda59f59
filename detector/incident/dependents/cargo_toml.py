"""Cargo.toml: what a crate or a workspace asks for, renamed crates under their real names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._safe_parsers import mapping, string

FILES = ("Cargo.toml",)
LOCKS = False

_SECTIONS = ("dependencies", "dev-dependencies", "build-dependencies")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the dependencies of all sections and targets."""
    whole = _safe_parsers.toml(file.data)
    tables = [(section, whole.get(section)) for section in _SECTIONS]
    for target, told in mapping(whole.get("target")).items():
        tables += [(f"{section} of {target}", mapping(told).get(section)) for section in _SECTIONS]
    tables.append(("workspace", mapping(whole.get("workspace")).get("dependencies")))
    tables += [(f"patch of {source}", told) for source, told in mapping(whole.get("patch")).items()]
    for section, table in tables:
        for key, told in mapping(table).items():
            name = string(mapping(told).get("package")) or key
            if wanted("cargo", name) and not mapping(told).get("workspace"):
                note = section if section != "dependencies" else ""
                if name != key:
                    note = f"{note}, as {key}".lstrip(", ")
                yield Entry("cargo", name, constraint=_range(told), direct=True, note=note)


def _range(told: Any) -> str:
    if isinstance(told, str):
        return told
    table = mapping(told)
    return next((string(table[key]) for key in ("version", "git", "path") if table.get(key)), "")
