"""The entries of .github/workflows/*.yml, .github/workflows/*.yaml, .gitea/workflows/*.yml and similar files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

WORKFLOW = """on: push
jobs:
  one:
    container: {image: "inner/image:1.2.3"}
    services: {db: {image: postgres}}
    steps:
      - uses: owner/action@v4
      - uses: owner/action/sub@0123456789012345678901234567890123456789 # v4.1.1
      - uses: ./local
      - uses: docker://inner/image
      - run: "uses: owner/action@v9"
  two:
    uses: owner/action/.github/workflows/shared.yml@main
"""

CASES: list[Case] = [
    (
        "github/owner/action",
        {".github/workflows/ci.yml": WORKFLOW},
        [simple("main", direct=True), simple("v4", direct=True), simple("v4.1.1", direct=True)],
    ),
    (
        "docker/inner/image",
        {".github/workflows/ci.yml": WORKFLOW},
        [simple("latest", direct=True), simple("1.2.3", direct=True)],
    ),
    (
        "github/owner/action",
        {"action.yml": "runs:\n  using: composite\n  steps:\n    - uses: Owner/Action@v1.0.0\n"},
        [simple("v1.0.0", direct=True)],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
