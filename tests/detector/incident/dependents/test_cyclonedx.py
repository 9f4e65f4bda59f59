"""The entries of bom.json, *.cdx.json, *.bom.json and similar files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "metadata": {"component": {"bom-ref": "root", "name": "root"}},
    "components": [
        {"bom-ref": "file", "type": "application", "name": "package-lock.json"},
        {
            "bom-ref": "a",
            "purl": "pkg:npm/outer@1.0.0",
            "components": [{"bom-ref": "b", "purl": "pkg:npm/%40s/inner@2.0.0"}],
        },
    ],
    "dependencies": [
        {"ref": "root", "dependsOn": ["file"]},
        {"ref": "file", "dependsOn": ["a"]},
        {"ref": "a", "dependsOn": ["b"]},
    ],
}

CASES: list[Case] = [
    (
        "npm/inner",
        {
            "bom.json": {
                "bomFormat": "CycloneDX",
                "components": [
                    {"type": "library", "name": "inner", "version": "1.0.0"},
                    {"type": "file", "name": "inner", "version": "9"},
                    {"bom-ref": "x", "purl": "pkg:npm/inner@3.0.0"},
                    {"bom-ref": "x", "purl": "pkg:npm/other@3.0.0"},
                ],
            }
        },
        [simple("3.0.0", direct=None), simple("1.0.0", direct=None)],
    ),
    ("npm/%40s/inner", {"x.cdx.json": CYCLONEDX}, [simple("2.0.0", "outer@1.0.0")]),
    ("npm/outer", {"bom.json": CYCLONEDX}, [simple("1.0.0", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
