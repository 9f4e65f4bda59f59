"""The entries of bun.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

BUN = """{
  // written by bun
  "lockfileVersion": 1,
  "workspaces": {"": {"name": "root", "dependencies": {"outer": "^1.0.0"}},},
  "packages": {
    "outer": ["outer@1.0.0", "", {"dependencies": {"inner": "^2.0.0"}}, "sha512-x"],
    "inner": ["inner@1.0.0", "", {}, "sha512-y"],
    "outer/inner": ["inner@2.0.0", "", {}, "sha512-//z,]"],
  },
}
"""

CASES: list[Case] = [
    ("npm/inner", {"bun.lock": BUN}, [simple("1.0.0"), simple("2.0.0", "outer@1.0.0")]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
