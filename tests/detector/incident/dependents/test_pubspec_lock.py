"""The entries of pubspec.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

PUB = """packages:
  inner:
    dependency: transitive
    description: {name: inner, url: "https://pub.dev"}
    source: hosted
    version: "2.10.0"
  outer:
    dependency: "direct main"
    source: hosted
    version: "1.0.0"
sdks:
  dart: ">=3.0.0"
"""

CASES: list[Case] = [
    ("pub/inner", {"pubspec.lock": PUB}, [simple("2.10.0")]),
    ("pub/outer", {"pubspec.lock": PUB}, [simple("1.0.0", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
