"""The entries of Cargo.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CARGO = """version = 3
[[package]]
name = "root"
version = "0.1.0"
dependencies = ["outer"]
[[package]]
name = "outer"
version = "1.0.0"
source = "registry+https://example.test/index"
dependencies = ["in_ner 2.0.0"]
[[package]]
name = "in_ner"
version = "2.0.0"
source = "registry+https://example.test/index"
[[package]]
name = "in_ner"
version = "1.0.0"
source = "registry+https://example.test/index"
"""

CASES: list[Case] = [
    ("cargo/in-ner", {"Cargo.lock": CARGO}, [simple("2.0.0", "outer@1.0.0"), simple("1.0.0")]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
