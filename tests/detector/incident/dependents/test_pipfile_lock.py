"""The entries of Pipfile.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "pypi/inner",
        {
            "Pipfile.lock": {"_meta": {}, "default": {"inner": {"version": "==2.0"}}, "develop": {}},
            "Pipfile": '[packages]\nouter = "*"\n[dev-packages]\n"in.ner" = {version = ">=1"}\n',
        },
        [simple("2.0")],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
