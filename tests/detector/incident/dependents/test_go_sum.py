"""The entries of go.sum, go.work.sum."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "golang/example.test/x",
        {"go.sum": "example.test/x v1.0.0 h1:a=\nexample.test/x v1.1.0/go.mod h1:a=\n"},
        [simple("v1.0.0")],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
