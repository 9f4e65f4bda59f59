"""Requirements as Python projects write them, in whatever file they stand.

>>> requirement("Foo[extra]>=1.0,<2 ; python_version < '3.9'  # why")
('Foo', '>=1.0,<2')
>>> requirement("foo @ git+https://example.org/foo.git@main"), requirement("./local")
(('foo', 'git+https://example.org/foo.git@main'), ('', ''))
"""

from __future__ import annotations

import re
from typing import Any

from detector.incident.dependents._entry import Entry
from detector.incident.dependents._safe_parsers import items, mapping, string

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:@\s*(\S+)|\(?([^;#()]*)\)?)")
_PINNED = re.compile(r"===?\s*([^*,\s]+)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")


def requirement(text: str) -> tuple[str, str]:
    """Return the name and the range of a requirement, two empty texts if it is none."""
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


def entry(name: str, constraint: str, **more: Any) -> Entry:
    """Return the entry for a requirement: pinned by ``==`` it is a version, else a range.

    >>> entry("a", "==1.0").version, entry("a", "==1.*").constraint
    ('1.0', '==1.*')
    """
    pinned = _PINNED.fullmatch(constraint)
    if pinned:
        return Entry("pypi", name, version=pinned[1], **more)
    return Entry("pypi", name, constraint=constraint, **more)


def asked(project: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (name, range, section) of all that a pyproject asks for, by any of its tools."""
    found: list[tuple[str, str, str]] = []

    def plain(rows: Any, section: str) -> None:
        for row in items(rows):
            if isinstance(row, str):
                name, constraint = requirement(row)
                if name:
                    found.append((name, constraint, section))

    def tables(rows: Any, section: str) -> None:
        for name, told in mapping(rows).items():
            for one in told if isinstance(told, list) else [told]:
                if section.startswith("poetry") and name.lower() == "python":
                    continue
                found.append((name, tabled(one), section))

    plain(mapping(project.get("build-system")).get("requires"), "build-system")
    static = mapping(project.get("project"))
    plain(static.get("dependencies"), "")
    for extra, rows in mapping(static.get("optional-dependencies")).items():
        plain(rows, f"extra {extra}")
    for group, rows in mapping(project.get("dependency-groups")).items():
        plain(rows, f"group {group}")
    tools = mapping(project.get("tool"))
    poetry = mapping(tools.get("poetry"))
    tables(poetry.get("dependencies"), "poetry")
    tables(poetry.get("dev-dependencies"), "poetry dev")
    for group, told in mapping(poetry.get("group")).items():
        tables(mapping(told).get("dependencies"), f"poetry group {group}")
    for group, rows in mapping(mapping(tools.get("pdm")).get("dev-dependencies")).items():
        plain(rows, f"group {group}")
    uv = mapping(tools.get("uv"))
    for key in ("dev-dependencies", "override-dependencies", "constraint-dependencies"):
        plain(uv.get(key), f"uv {key}")
    for name, told in mapping(mapping(tools.get("hatch")).get("envs")).items():
        for key in ("dependencies", "extra-dependencies"):
            plain(mapping(told).get(key), f"hatch {name}")
    return found


def tabled(told: Any) -> str:
    """Return the range that poetry's and pipenv's tables name, or what stands for it."""
    if isinstance(told, str):
        return told
    table = mapping(told)
    for key in ("version", "git", "url", "path", "file"):
        if table.get(key):
            return string(table[key])
    return ""
