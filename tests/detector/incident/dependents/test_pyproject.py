"""The entries of pyproject.toml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

PYPROJECT = """[build-system]
requires = ["inner>=1"]
[project]
name = "x"
dependencies = ["inner[y]~=1.4", "other @ https://h.test/o.whl"]
[project.optional-dependencies]
more = ["inner==1.5"]
[dependency-groups]
dev = ["inner!=2", {include-group = "x"}]
[tool.poetry.dependencies]
python = "^3.11"
Inner = {version = "^1.2", extras = ["x"]}
"""

CASES: list[Case] = [
    (
        "pypi/inner",
        {"pyproject.toml": PYPROJECT},
        [simple(text, direct=True) for text in (">=1", "~=1.4", "1.5", "!=2", "^1.2")],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
