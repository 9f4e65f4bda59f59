"""Every closed word that a user may see stands in the glossary, which is sorted into sections of one-line terms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def list_enums() -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the values of every `StrEnum`."""
    for package in ("detector", "rotators", "hooks", "leakfirst"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and "StrEnum" in map(ast.unparse, node.bases):
                    members = (child.value for child in node.body if isinstance(child, ast.Assign))
                    yield node.name, [member.value for member in members if isinstance(member, ast.Constant)]


ENUMS = list(list_enums())


def test_enums_are_found() -> None:
    assert len(ENUMS) >= 20 and all(values for _, values in ENUMS)


@pytest.mark.parametrize(("name", "values"), ENUMS)
def test_every_value_stands_in_the_glossary(name: str, values: list[str]) -> None:
    missing = [value for value in values if not re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", GLOSSARY)]
    assert not missing, f"{name}: add to docs/glossary.md: {missing}"


def test_a_term_is_one_line_and_stands_once_in_its_section() -> None:
    sections = GLOSSARY.split("\n## ")[1:]
    assert len(sections) >= 5
    for section in sections:
        rows = [line for line in section.splitlines()[1:] if line and not line.startswith(("| Term |", "|---"))]
        terms = [row.split("|")[1].strip() for row in rows]
        assert all(row.count("|") == 3 and row.endswith("|") for row in rows), section.splitlines()[0]
        assert len(terms) == len(set(terms)), section.splitlines()[0]


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "CONTRIBUTING.md"])
def test_it_is_linked(page: str) -> None:
    assert "glossary.md)" in (ROOT / page).read_text(encoding="utf-8")
