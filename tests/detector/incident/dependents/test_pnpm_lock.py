"""The entries of pnpm-lock.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

PNPM_5 = """lockfileVersion: 5.4
specifiers: {outer: ^1.0.0}
dependencies:
  outer: 1.0.0_peer@3.0.0
packages:
  /outer/1.0.0_peer@3.0.0:
    dependencies: {'@scope/inner': 2.10.0}
    dev: false
  /@scope/inner/2.10.0:
    dev: true
"""
PNPM_6 = """lockfileVersion: '6.0'
dependencies:
  outer: {specifier: ^1.0.0, version: 1.0.0(peer@3.0.0)}
packages:
  /outer@1.0.0(peer@3.0.0):
    dependencies: {'@scope/inner': 2.10.0}
  /@scope/inner@2.10.0: {}
"""
PNPM_9 = """lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      outer: {specifier: ^1.0.0, version: 1.0.0(peer@3.0.0)}
packages:
  outer@1.0.0: {}
  '@scope/inner@2.10.0': {}
snapshots:
  outer@1.0.0(peer@3.0.0):
    dependencies: {nick: '@scope/inner@2.10.0'}
  '@scope/inner@2.10.0': {}
"""

CASES: list[Case] = [
    ("npm/%40scope/inner", {"pnpm-lock.yaml": PNPM_5}, [simple("2.10.0", "outer@1.0.0")]),
    ("npm/%40scope/inner", {"pnpm-lock.yaml": PNPM_6}, [simple("2.10.0", "outer@1.0.0")]),
    ("npm/%40scope/inner", {"pnpm-lock.yaml": PNPM_9}, [simple("2.10.0", "outer@1.0.0")]),
    ("npm/outer", {"pnpm-lock.yaml": PNPM_9}, [simple("1.0.0", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
