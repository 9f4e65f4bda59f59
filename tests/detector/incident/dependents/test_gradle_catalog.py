"""The entries of *.versions.toml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CATALOG = """[versions]
inner = "2.0"
[libraries]
one = { module = "org.x:inner", version.ref = "inner" }
two = "org.x:other:[1.0,2.0)"
three = { group = "org.x", name = "bare" }
[plugins]
p = { id = "org.x.plug", version = "1.1" }
"""

CASES: list[Case] = [
    ("maven/org.x/inner", {"gradle/libs.versions.toml": CATALOG}, [simple("2.0", direct=True)]),
    ("maven/org.x/other", {"gradle/libs.versions.toml": CATALOG}, [simple("[1.0,2.0)", direct=True)]),
    ("maven/org.x.plug/org.x.plug.gradle.plugin", {"libs.versions.toml": CATALOG}, [simple("1.1", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
