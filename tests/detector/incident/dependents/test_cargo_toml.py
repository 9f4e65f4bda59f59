"""The entries of Cargo.toml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CARGO_TOML = """[dependencies]
inner = "1.2"
[target.'cfg(unix)'.dev-dependencies]
nick = { package = "in_ner2", version = "=0.3.1" }
"""

CASES: list[Case] = [
    ("cargo/inner", {"Cargo.toml": CARGO_TOML}, [simple("1.2", direct=True)]),
    ("cargo/in-ner2", {"Cargo.toml": CARGO_TOML}, [simple("=0.3.1", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
