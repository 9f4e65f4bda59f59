"""The entries of pubspec.yaml, pubspec.yml, pubspec_overrides.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "pub/inner",
        {"pubspec.yaml": "dependencies:\n  inner: ^2.0.0\n  flutter: {sdk: flutter}\n"},
        [simple("^2.0.0", direct=True)],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
