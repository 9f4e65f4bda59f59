"""The entries of yarn.lock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

DISGUISED = "https://registry.acme.test/inner/-/inner-6.6.6.tgz"
"""The URL of a package with another name or version."""
YARN_1 = """# yarn lockfile v1


"@scope/outer@^1.0.0", "@scope/outer@^1.1.0":
  version "1.2.0"
  dependencies:
    inner "^2.0.0"

inner@^2.0.0, inner@~2.1.0:
  version "2.1.5"

"nick@npm:renamed@^1.0.0":
  version "1.0.7"
"""
BERRY = """__metadata:
  version: 8

"outer@npm:^1.0.0":
  version: 1.2.0
  resolution: "outer@npm:1.2.0"
  dependencies:
    inner: "npm:^2.0.0"
    nick: "npm:renamed@^1.0.0"
  checksum: 10c0/aa

"inner@npm:^2.0.0":
  version: 2.1.5
  resolution: "inner@npm:2.1.5"

"nick@npm:renamed@^1.0.0":
  version: 1.0.7
  resolution: "renamed@npm:1.0.7"

"root@workspace:.":
  version: 0.0.0-use.local
  resolution: "root@workspace:."
  dependencies:
    outer: "npm:^1.0.0"
"""

CASES: list[Case] = [
    (
        "npm/inner@6.6.6",
        {"yarn.lock": f'# yarn lockfile v1\n\nharmless@^1.0.0:\n  version "1.0.0"\n  resolved "{DISGUISED}#0f"\n'},
        [simple("6.6.6", direct=True)],
    ),
    (
        "npm/inner",
        {
            "yarn.lock": YARN_1,
            "package.json": {"dependencies": {"@scope/outer": "^1.1.0", "nick": "npm:renamed@^1.0.0"}},
        },
        [simple("2.1.5", "@scope/outer@1.2.0")],
    ),
    ("npm/renamed", {"yarn.lock": YARN_1}, [simple("1.0.7", direct=True)]),
    ("npm/nick", {"yarn.lock": YARN_1}, []),
    ("npm/inner", {"yarn.lock": BERRY}, [simple("2.1.5", "outer@1.2.0")]),
    ("npm/renamed", {"yarn.lock": BERRY}, [simple("1.0.7", "outer@1.2.0")]),
    ("npm/root", {"yarn.lock": BERRY}, []),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
