"""The entries of uv.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

UV = """version = 1
[[package]]
name = "root"
version = "0.1.0"
source = { editable = "." }
dependencies = [{ name = "outer" }]
[[package]]
name = "outer"
version = "1.0"
source = { registry = "https://example.test/simple" }
dependencies = [{ name = "inner" }]
[[package]]
name = "inner"
version = "2.0"
source = { registry = "https://example.test/simple" }
"""

CASES: list[Case] = [
    ("pypi/inner", {"uv.lock": UV}, [simple("2.0", "outer@1.0")]),
    ("pypi/root", {"uv.lock": UV}, []),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
