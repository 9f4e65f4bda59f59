"""The entries of gradle.lockfile, *-gradle.lockfile, buildscript-gradle.lockfile and similar files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CASES: list[Case] = [
    (
        "maven/org.x/inner",
        {"gradle.lockfile": "# remark\norg.x:inner:2.0=compileClasspath,runtimeClasspath\nempty=\n"},
        [simple("2.0", direct=None)],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
