"""The entries of setup.cfg."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "pypi/inner",
        {"setup.cfg": "[options]\ninstall_requires =\n  inner>=1\n[options.extras_require]\nx = inner==2; y\n"},
        [simple(">=1", direct=True), simple("2", direct=True)],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
