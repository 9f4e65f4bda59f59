"""How users name packages: names, ecosystems, ranges and package URLs."""

from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.incident.dependents import Package, parse_package


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lodash", Package("", "lodash")),
        ("@a/b@>=1 <2", Package("", "@a/b", ">=1 <2")),
        ("pkg:npm/%40a/b@1.2", Package("npm", "@a/b", "1.2")),
        ("pkg:maven/org.x/y@1.0", Package("maven", "org.x:y", "1.0")),
        ("pkg:golang/github.com/x/y@v1.2.3", Package("golang", "github.com/x/y", "v1.2.3")),
        ("pkg:pypi/Foo_bar?vers=vers:pypi/%3E%3D1", Package("pypi", "foo-bar", "vers:pypi/>=1")),
        ("pkg:docker/library/node@18", Package("docker", "library/node", "18")),
        ("actions/checkout@v4", Package("", "actions/checkout", "v4")),
        ("npm:lodash", Package("npm", "lodash")),
        ("npm:@a/b@>=1 <2", Package("npm", "@a/b", ">=1 <2")),
        ("Go:github.com/x/y@v1.2.3", Package("golang", "github.com/x/y", "v1.2.3")),
        ("npm:v8-to-istanbul", Package("npm", "v8-to-istanbul")),
        ("npm:7zip-bin@^5", Package("npm", "7zip-bin", "^5")),
        ("pypi:3to2", Package("pypi", "3to2")),
        ("maven:taglibs:standard", Package("maven", "taglibs:standard")),
        ("docker:localhost:5000/app", Package("docker", "localhost:5000/app")),
        ("docker:node@20", Package("docker", "node", "20")),
        ("org.x:y@1.0", Package("", "org.x:y", "1.0")),
        ("junit:junit", Package("", "junit:junit")),
        ("localhost:5000/app", Package("", "localhost:5000/app")),
        ("lodash@vers:npm/>=1", Package("", "lodash", "vers:npm/>=1")),
    ],
)
def test_a_package_is_parsed(text: str, expected: Package) -> None:
    assert parse_package(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a@", "a b", "requests>=2", "pkg:npm", "pkg:deb/debian/curl@1", "a@>=>1", "npm:", "npm:a:1"]
)
def test_a_malformed_package_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_package(text)


def test_an_ecosystem_may_have_other_names(tmp_path: Path) -> None:
    assert parse_package("x", "Python").ecosystem == "pypi"
    with pytest.raises(UsageError, match="known: npm"):
        parse_package("x", "cobol")
    with pytest.raises(UsageError, match="'nmp'; known: npm"):
        parse_package("nmp:lodash")
    for name in ("pkg:npm/x@1", "npm:x"):
        with pytest.raises(UsageError, match="is a package of npm"):
            parse_package(name, "pypi")
    with pytest.raises(UsageError, match="for an image write docker:node@20"):
        parse_package("node:20")
    assert parse_package("npm:x", "node") == parse_package("x", "npm")
    assert parse_package("taglibs:standard", "maven") == Package("maven", "taglibs:standard")


@pytest.mark.parametrize("text", ["npm:1.2.3", "npm:v22", "npm:22-alpine", "pypi:3.12.1rc1"])
def test_a_version_is_no_name(text: str) -> None:
    with pytest.raises(UsageError, match="names a version"):
        parse_package(text)
