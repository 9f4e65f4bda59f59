"""The entries of composer.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "composer/v/inner",
        {
            "composer.lock": '{"packages": [{"name": "v\\/outer", "version": "v1.0.0", "require": {"v\\/Inner": "*"}}],'
            '"packages-dev": [{"name": "v\\/inner", "version": "2.0.0"}]}',
            "composer.json": {"require": {"v/outer": "^1.0"}},
        },
        [simple("2.0.0", "v/outer@v1.0.0")],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
