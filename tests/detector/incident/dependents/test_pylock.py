"""The entries of pylock.toml, pylock.*.toml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "pypi/inner",
        {
            "pylock.toml": 'lock-version = "1.0"\n[[packages]]\nname = "inner"\nversion = "2.0"\n'
            '[[packages]]\nname = "outer"\nversion = "1.0"\ndependencies = [{name = "inner"}]\n'
        },
        [simple("2.0", "outer@1.0", direct=None)],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
