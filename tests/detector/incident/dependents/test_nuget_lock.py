"""The entries of packages.lock.json, packages.*.lock.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

NUGET = {
    "version": 1,
    "dependencies": {
        "net8.0": {
            "Outer": {"type": "Direct", "resolved": "1.0.0", "dependencies": {"Inner": "2.0.0"}},
            "Inner": {"type": "Transitive", "resolved": "2.0.0"},
        }
    },
}

CASES: list[Case] = [
    ("nuget/INNER", {"packages.lock.json": NUGET}, [simple("2.0.0", "Outer@1.0.0")]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
