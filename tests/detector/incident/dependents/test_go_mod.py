"""The entries of go.mod."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

GO_MOD = """module example.test/m

go 1.22

require (
	example.test/Direct v1.2.3
	example.test/x/v2 v2.0.1 // indirect
)
require example.test/old v1.0.0
replace (
	example.test/old => example.test/new/v3 v3.1.0
	example.test/gone => ../gone
)
"""

CASES: list[Case] = [
    ("golang/example.test/direct", {"go.mod": GO_MOD}, [simple("v1.2.3", direct=True)]),
    ("golang/example.test/x", {"go.mod": GO_MOD}, [simple("v2.0.1")]),
    ("golang/example.test/x#v2", {"go.mod": GO_MOD}, [simple("v2.0.1")]),
    ("golang/example.test/x#v3", {"go.mod": GO_MOD}, []),
    ("golang/example.test/new", {"go.mod": GO_MOD}, [simple("v3.1.0", direct=True)]),
    ("golang/example.test/old", {"go.mod": GO_MOD, "go.sum": "example.test/old v1.0.0 h1:a=\n"}, []),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
