"""The entries of poetry.lock, pdm.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

POETRY = """[[package]]
name = "outer"
version = "1.0"
[package.dependencies]
In_ner = ">=2"
[[package]]
name = "in-ner"
version = "2.10"
[metadata]
lock-version = "2.0"
"""

CASES: list[Case] = [
    (
        "pypi/in-ner",
        {"poetry.lock": POETRY, "pyproject.toml": '[tool.poetry.dependencies]\nouter = "*"\n'},
        [simple("2.10", "outer@1.0")],
    ),
    ("pypi/outer", {"poetry.lock": POETRY}, [simple("1.0", direct=True)]),
    (
        "pypi/in.ner",
        {"pdm.lock": POETRY.replace('[package.dependencies]\nIn_ner = ">=2"', 'dependencies = ["in_ner>=2; x"]')},
        [simple("2.10", "outer@1.0", direct=None)],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
