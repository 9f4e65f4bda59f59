"""The entries of package.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "npm/inner",
        {
            "package.json": {
                "dependencies": {"inner": "^1"},
                "devDependencies": {"nick": "npm:inner@2"},
                "resolutions": {"**/inner": "3.0.0", "@a/b/inner": "3.0.1"},
                "overrides": {"outer": {"inner@^1": "4.0.0", ".": "1"}},
                "pnpm": {"overrides": {"outer>inner": "5.0.0"}},
            }
        },
        [
            simple("^1", direct=True),
            simple("2", direct=True),
            *(simple(version, direct=None) for version in ("4.0.0", "3.0.0", "3.0.1", "5.0.0")),
        ],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
