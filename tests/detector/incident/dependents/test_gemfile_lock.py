"""The entries of Gemfile.lock, gems.locked, *.gemfile.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

GEMS = """GEM
  remote: https://example.test/
  specs:
    outer (1.0.0)
      inner (>= 2.0)
    inner (2.0.0-x86_64-linux)
    inner (2.0.0)

PLATFORMS
  ruby

DEPENDENCIES
  outer (~> 1.0)!

BUNDLED WITH
   2.4.0
"""

CASES: list[Case] = [
    ("gem/inner", {"Gemfile.lock": GEMS}, [simple("2.0.0", "outer@1.0.0")]),
    ("gem/outer", {"Gemfile.lock": GEMS}, [simple("1.0.0", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
