"""The entries of build.gradle, build.gradle.kts, *.gradle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

GRADLE = """dependencies {
    implementation "org.x:inner:2.0"
    api group: 'org.x', name: 'apart', version: '1.0'
    implementation("org.x:other:$v")
}
"""

CASES: list[Case] = [
    ("maven/org.x/inner", {"build.gradle": GRADLE}, [simple("2.0", direct=True)]),
    ("maven/org.x/apart", {"build.gradle.kts": GRADLE}, [simple("1.0", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
