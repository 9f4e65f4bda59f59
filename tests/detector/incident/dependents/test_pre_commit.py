"""The entries of .pre-commit-config.yaml, .pre-commit-config.yml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

PRE_COMMIT = """repos:
  - repo: https://github.com/owner/hooks
    rev: v1.2.3
    hooks:
      - id: one
        additional_dependencies: ["inner==2.0", "@scope/inner@1.0.0", "types-x"]
  - repo: local
    hooks: [{id: two}]
  - repo: git@gitlab.com:owner/hooks.git
    rev: main
    hooks: []
"""

CASES: list[Case] = [
    ("github/owner/hooks", {".pre-commit-config.yaml": PRE_COMMIT}, [simple("v1.2.3", direct=True)]),
    ("pypi/inner", {".pre-commit-config.yaml": PRE_COMMIT}, [simple("2.0", direct=True)]),
    ("npm/%40scope/inner", {".pre-commit-config.yaml": PRE_COMMIT}, [simple("1.0.0", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
