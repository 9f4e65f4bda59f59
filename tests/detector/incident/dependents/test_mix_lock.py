"""The entries of mix.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

MIX = """%{
  "outer": {:hex, :outer, "1.0.0", "aa", [:mix], [{:inner, "~> 2.0", [hex: :inner, repo: "hexpm"]}], "hexpm", "bb"},
  "inner": {:hex, :real_inner, "2.0.0", "cc", [:mix], [], "hexpm", "dd"},
  "own": {:git, "https://example.test/own.git", "0123456789012345678901234567890123456789", []},
}
"""

CASES: list[Case] = [
    (
        "hex/real_inner",
        {"mix.lock": MIX, "mix.exs": 'defp deps do [{:outer, "~> 1.0"}] end'},
        [simple("2.0.0", "outer@1.0.0")],
    ),
    ("hex/outer", {"mix.lock": MIX}, [simple("1.0.0", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
