"""The entries of package-lock.json, npm-shrinkwrap.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from detector.incident.dependents import DependencyMatch
from tests.detector.incident.dependents.making import Case, Row, check_entries, found, simple, write

NPM_1 = {
    "lockfileVersion": 1,
    "dependencies": {
        "outer": {"version": "1.0.0", "requires": {"middle": "^2.0.0"}},
        "middle": {
            "version": "2.0.0",
            "requires": {"inner": "^3.0.0"},
            "dependencies": {"inner": {"version": "3.0.0"}},
        },
        "inner": {"version": "npm:renamed@9.0.0"},
    },
}
NPM_OF_2017 = {
    "lockfileVersion": 1,
    "dependencies": {
        "@scope/outer": {"version": "https://registry.acme.test/npm/@scope/outer/-/outer-1.0.0-rc.1.tgz"},
        "inner": {"version": "https://acme.test/inner-2.0.0.tgz"},
    },
}
NPM_3 = {
    "lockfileVersion": 3,
    "packages": {
        "": {"dependencies": {"outer": "*"}, "workspaces": ["tools"]},
        "tools": {"devDependencies": {"inner": "1"}},
        "node_modules/tools": {"resolved": "tools", "link": True},
        "node_modules/outer": {"version": "1.0.0", "optionalDependencies": {"other": "*"}},
        "node_modules/inner": {"version": "1.0.0", "dev": True},
        "node_modules/other": {"name": "@real/name", "version": "4.0.0", "dependencies": {"inner": "2"}},
        "node_modules/other/node_modules/inner": {"version": "2.0.0"},
    },
}
DISGUISED = "https://registry.acme.test/inner/-/inner-6.6.6.tgz"
"""The URL of a package with another name or version."""

CASES: list[Case] = [
    ("npm/inner", {"package-lock.json": NPM_1}, [simple("3.0.0", "outer@1.0.0", "middle@2.0.0", direct=None)]),
    (
        "npm/inner",
        {"package-lock.json": NPM_1, "package.json": {"dependencies": {"outer": "1"}}},
        [simple("3.0.0", "outer@1.0.0", "middle@2.0.0")],
    ),
    ("npm/renamed", {"package-lock.json": NPM_1}, [simple("9.0.0", direct=True)]),
    ("npm/%40scope/outer", {"package-lock.json": NPM_OF_2017}, [simple("1.0.0-rc.1", direct=True)]),
    ("npm/inner", {"package-lock.json": NPM_OF_2017}, [simple("https://acme.test/inner-2.0.0.tgz", direct=True)]),
    (
        "npm/inner",
        {"npm-shrinkwrap.json": NPM_3},
        [simple("1.0.0", direct=True), simple("2.0.0", "outer@1.0.0", "@real/name@4.0.0")],
    ),
    ("npm/tools", {"package-lock.json": NPM_3}, []),
    (
        "npm/inner@6.6.6",
        {
            "package-lock.json": {
                "lockfileVersion": 3,
                "packages": {
                    "": {"dependencies": {"harmless": "1"}},
                    "node_modules/harmless": {"version": "1.0.0", "resolved": DISGUISED},
                },
            }
        },
        [simple("6.6.6", direct=True)],
    ),
    (
        "npm/inner@6.6.6",
        {
            "package-lock.json": {
                "lockfileVersion": 1,
                "dependencies": {"inner": {"version": "1", "resolved": DISGUISED}},
            }
        },
        [simple("6.6.6", direct=True)],
    ),
    (
        "npm/inner",
        {"package-lock.json": {"lockfileVersion": 2, "packages": {}, "dependencies": {"inner": {"version": "1.0.0"}}}},
        [simple("1.0.0", direct=True)],
    ),
    ("npm/%40real/name", {"package-lock.json": NPM_3}, [simple("4.0.0", "outer@1.0.0")]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)


def test_a_version_in_a_lock_file_is_locked(tmp_path: Path) -> None:
    write(tmp_path, {"package-lock.json": NPM_3})
    (entry,) = found(tmp_path, "pkg:npm/inner@2.0.0")
    assert entry.match == DependencyMatch.LOCKED and entry.is_locked
