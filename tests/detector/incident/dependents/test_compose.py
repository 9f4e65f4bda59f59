"""The entries of compose.yml, compose.yaml, compose.*.yml and similar files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "docker/inner",
        {"docker-compose.yml": "services:\n  a:\n    image: inner:${TAG:-2.0.1}\n  b:\n    build: .\n"},
        [simple("2.0.1", direct=True)],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
