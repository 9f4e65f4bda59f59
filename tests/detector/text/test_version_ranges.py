"""Version ranges compared with packaging, with node's semver, and with the documentation of ecosystems."""

import json
import os
import random
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from detector.text.version_ranges import is_in_range, overlaps

NUMBER = st.sampled_from(["0", "1", "2", "3", "9"])


def dotted(least: int, most: int) -> st.SearchStrategy[str]:
    return st.lists(NUMBER, min_size=least, max_size=most).map(".".join)


def python_version(least: int = 1) -> st.SearchStrategy[str]:
    return st.tuples(dotted(least, 3), st.sampled_from(["", "", "", "a1", "b2", "rc1", ".dev1"])).map("".join)


def clause(operator: str) -> st.SearchStrategy[str]:
    named = python_version(2 if operator == "~=" else 1)
    if operator in ("==", "!="):
        named |= dotted(1, 3).map("{}.*".format)
    return named.map(f"{operator}{{}}".format)


CLAUSES = st.one_of([clause(operator) for operator in ("==", "!=", "~=", ">=", "<=", "<", ">")])


@given(st.lists(CLAUSES, min_size=1, max_size=3), python_version())
def test_pypi_ranges_agree_with_packaging(clauses: list[str], version: str) -> None:
    text = ",".join(clauses)
    assert is_in_range("pypi", text, version) == SpecifierSet(text).contains(version, prereleases=True)


def _semver() -> str:
    for folder in ("/usr/lib/node_modules", "/usr/local/lib/node_modules", "/usr/share/nodejs"):
        for inner in ("npm/node_modules/semver", "semver"):
            if os.path.isdir(os.path.join(folder, inner)):
                return os.path.join(folder, inner)
    return ""


def test_npm_ranges_agree_with_node_semver() -> None:
    node, semver = shutil.which("node"), _semver()
    if not node or not semver:
        pytest.skip("node and its semver are not installed")
    chance = random.Random(4)

    def number() -> str:
        return chance.choice("0112237")

    def version() -> str:
        plain = ".".join(number() for _ in range(3))
        return plain + (chance.choice(["-alpha", "-beta.1", "-rc.2", "-0"]) if chance.random() < 0.25 else "")

    def part() -> str:
        dotted = ".".join(number() for _ in range(chance.choice((1, 2))))
        return chance.choice([version(), version(), version(), dotted, f"{dotted}.{chance.choice('x*X')}"])

    def alternative() -> str:
        if chance.random() < 0.15:
            return f"{part()} - {part()}"
        signs = ["", "", "^", "~", ">=", ">", "<", "<=", "=", "~>", "^ ", ">= "]
        return " ".join(chance.choice(signs) + part() for _ in range(chance.choice((1, 1, 2))))

    cases = [(" || ".join(alternative() for _ in range(chance.choice((1, 1, 2, 3)))), version()) for _ in range(1500)]
    script = f"""const semver = require({json.dumps(semver)});
        const cases = JSON.parse(require('fs').readFileSync(0));
        console.log(JSON.stringify(cases.map(([r, v]) => semver.satisfies(v, r, {{includePrerelease: true}}))))"""
    done = subprocess.run([node, "-e", script], input=json.dumps(cases), capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    assert 200 < sum(theirs) < 1300
    assert [case for case, expected in zip(cases, theirs, strict=True) if is_in_range("npm", *case) != expected] == []


@pytest.mark.parametrize(
    ("ecosystem", "query", "version", "expected"),
    [
        ("cargo", "1.2", "1.2.9", True),
        ("cargo", "1.2", "1.3.0", False),
        ("cargo", "1.2.3", "1.2.4", False),
        ("cargo", ">=1.2, <1.4", "1.3.7", True),
        ("gem", "~> 2.5", "2.9.1", True),
        ("gem", "~> 2.5.0", "2.6.0", False),
        ("gem", "~> 2.5", "3.0.0.a", False),
        ("gem", ">= 1.0, < 1.5 || 2.0", "2.0", True),
        ("gem", "1.0.0", "1.0", True),
        ("composer", "~1.2", "1.9.0", True),
        ("composer", "^1.2 | 3.*", "v3.1.0", True),
        ("composer", "<2.0", "2.0.0-RC1", False),
        ("composer", ">=2.0.0-beta2", "2.0.0-RC1", True),
        ("composer", "1.0 - 2.0", "2.0.9", True),
        ("maven", "[1.0,2.0),[3.0,)", "1.9-SNAPSHOT", True),
        ("maven", "[1.0,2.0),[3.0,)", "2.0", False),
        ("maven", "1.0", "1.0.0", True),
        ("maven", "[,2.14.1]", "2.9.1", True),
        ("nuget", "[1.0,2.0]", "2.0.0.0", True),
        ("nuget", "1.0", "1.0.0", True),
        ("hex", "~> 1.2 or >= 3.0.0 and < 3.1.0", "3.0.9", True),
        ("hex", "~> 1.2.1", "1.3.0", False),
        ("pub", "^0.0.3", "0.0.9", True),
        ("golang", ">=v1.2.0 <v1.3.0", "v1.2.9+incompatible", True),
        ("golang", "v1.2.3", "v1.2.3", True),
        ("golang", "<v0.1.0", "v0.0.0-20201110031124-69a78807bb2b", True),
        ("github", "v4", "v4.1.1", True),
        ("github", "<4.1.2", "v4.1.1", True),
        ("docker", "18", "18.2.0-alpine", True),
        ("docker", "sha256:abc", "sha256:abc", True),
        ("npm", "vers:npm/1.2.3|>=2.0.0|<2.1.0", "2.0.5", True),
        ("npm", "vers:npm/>=1.0.0|!=1.5.0", "1.5.0", False),
        ("npm", "1.2.3 || 1.2.5", "1.2.5", True),
        ("npm", "^1.0.0", "latest", None),
        ("pypi", "1.2", "1.2.0+cpu", True),
        ("github", "v4", "0123456789012345678901234567890123456789", None),
    ],
)
def test_whether_a_version_is_in_a_range(ecosystem: str, query: str, version: str, expected: bool | None) -> None:
    assert is_in_range(ecosystem, query, version) is expected


@pytest.mark.parametrize(
    ("ecosystem", "query", "constraint", "expected"),
    [
        ("npm", "4.17.20", "^4.17.4", True),
        ("npm", "4.17.20", "~4.16.0", False),
        ("npm", "<4.17.21", "latest", None),
        ("npm", "<4.17.21", "workspace:*", None),
        ("npm", "4.17.20", "*", True),
        ("npm", ">=1.0.0 <2.0.0", "^2.0.0", False),
        ("cargo", "1.9.0", "1.2", True),
        ("cargo", "2.0.0", "1.2", False),
        ("pypi", "==2.1", ">=2,!=2.1", False),
        ("pypi", ">=2.1", "^1.4 || ^2.2", True),
        ("gem", "2.5.1", "", True),
        ("github", "4.1.1", "v4", True),
        ("github", "4.1.1", "main", None),
        ("docker", "18.2.0", "18-alpine", True),
        ("docker", "18.2.0", "17", False),
        ("nuget", "1.5.0", "1.*", True),
        ("maven", "1.5", "[1.0,2.0)", True),
    ],
)
def test_whether_a_constraint_overlaps_a_range(
    ecosystem: str, query: str, constraint: str, expected: bool | None
) -> None:
    assert overlaps(ecosystem, query, constraint) is expected
