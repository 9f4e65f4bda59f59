"""Requirements of Python projects, in any kind of file.

>>> parse_requirement("Foo[extra]>=1.0,<2 ; python_version < '3.9'  # why")
('Foo', '>=1.0,<2')
>>> parse_requirement("foo @ git+https://example.org/foo.git@main"), parse_requirement("./local")
(('foo', 'git+https://example.org/foo.git@main'), ('', ''))
"""

from __future__ import annotations

import re
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, UnreadableFile
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:@\s*(\S+)|\(?([^;#()]*)\)?)")
_PINNED = re.compile(r"===?\s*([^*,\s]+)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")


def parse_requirement(text: str) -> tuple[str, str]:
    """Return the name and the constraint of a requirement, two empty strings if it is malformed."""
    text = text.strip()
    url = "://" in text.partition("@")[0] or ("://" in text.partition(" ")[0] and "@ " not in text)
    if url:
        egg = _EGG.search(text)
        return (egg[1], text.partition("#")[0].strip()) if egg else ("", "")
    found = _REQUIREMENT.match(text)
    if not found or text[found.end(1) : found.end(1) + 1] in ("/", "\\", ":"):
        return "", ""
    constraint = found[2] or found[3] or ""
    return found[1], re.split(r"\s+--", constraint)[0].strip().rstrip(",")


def make_entry(name: str, constraint: str, **more: Any) -> DependencyEntry:
    """Return the entry for a requirement: one that is pinned by ``==`` has a version, others a constraint.

    >>> make_entry("a", "==1.0").version, make_entry("a", "==1.*").constraint
    ('1.0', '==1.*')
    """
    pinned = _PINNED.fullmatch(constraint)
    if pinned:
        return DependencyEntry("pypi", name, version=pinned[1], **more)
    return DependencyEntry("pypi", name, constraint=constraint, **more)


def list_requirements(project: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (name, constraint, section) of all requirements of a pyproject.toml, for all tools."""
    found: list[tuple[str, str, str]] = []

    def add_list(rows: Any, section: str) -> None:
        for row in as_list(rows):
            if isinstance(row, str):
                name, constraint = parse_requirement(row)
                if name:
                    found.append((name, constraint, section))

    def add_table(rows: Any, section: str) -> None:
        for name, spec in as_mapping(rows).items():
            for part in spec if isinstance(spec, list) else [spec]:
                if section.startswith("poetry") and name.lower() == "python":
                    continue
                found.append((name, read_constraint(part), section))

    add_list(as_mapping(project.get("build-system")).get("requires"), "build-system")
    static = as_mapping(project.get("project"))
    add_list(static.get("dependencies"), "")
    for extra, rows in as_mapping(static.get("optional-dependencies")).items():
        add_list(rows, f"extra {extra}")
    for group, rows in as_mapping(project.get("dependency-groups")).items():
        add_list(rows, f"group {group}")
    tools = as_mapping(project.get("tool"))
    poetry = as_mapping(tools.get("poetry"))
    add_table(poetry.get("dependencies"), "poetry")
    add_table(poetry.get("dev-dependencies"), "poetry dev")
    for group, spec in as_mapping(poetry.get("group")).items():
        add_table(as_mapping(spec).get("dependencies"), f"poetry group {group}")
    for group, rows in as_mapping(as_mapping(tools.get("pdm")).get("dev-dependencies")).items():
        add_list(rows, f"group {group}")
    uv = as_mapping(tools.get("uv"))
    for key in ("dev-dependencies", "override-dependencies", "constraint-dependencies"):
        add_list(uv.get(key), f"uv {key}")
    for name, spec in as_mapping(as_mapping(tools.get("hatch")).get("envs")).items():
        for key in ("dependencies", "extra-dependencies"):
            add_list(as_mapping(spec).get(key), f"hatch {name}")
    return found


def read_constraint(spec: Any) -> str:
    """Return the constraint of a dependency in a table of poetry or pipenv: its version, URL or path."""
    if isinstance(spec, str):
        return spec
    table = as_mapping(spec)
    for key in ("version", "git", "url", "path", "file"):
        if table.get(key):
            return as_text(table[key])
    return ""


def read_direct_names(file: DependencyFile) -> list[str] | None:
    """Return the names of the requirements in the pyproject.toml beside *file*; None if it cannot be read."""
    try:
        sibling = file.read_sibling("pyproject.toml")
        if sibling is None:
            return None
        return [
            name
            for name, _, section in list_requirements(_safe_parsers.parse_toml(sibling))
            if section != "build-system"
        ]
    except UnreadableFile:
        return None
