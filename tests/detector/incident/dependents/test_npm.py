"""Aliases and tarball URLs of npm."""

import pytest

from detector.incident.dependents._npm import list_installed, parse_tarball_url, resolve_alias


@pytest.mark.parametrize(
    ("key", "spec", "resolved"),
    [
        ("a", "^1", ("a", "^1")),
        ("nick", "npm:real@2", ("real", "2")),
        ("nick", "npm:@scope/real", ("@scope/real", "*")),
        ("a", "npm:^3", ("a", "^3")),
        ("a", {"not": "a text"}, ("a", "")),
    ],
)
def test_an_alias_names_the_real_package(key: str, spec: object, resolved: tuple[str, str]) -> None:
    assert resolve_alias(key, spec) == resolved


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz", ("left-pad", "1.3.0")),
        ("https://r.test/@a%2fb/-/b-2.0.0.tgz?x=1#hash", ("@a/b", "2.0.0")),
        ("https://r.test/left-pad/-/other-1.3.0.tgz", None),
        ("git+https://github.com/a/b.git", None),
    ],
)
def test_a_tarball_names_what_is_installed(url: str, package: tuple[str, str] | None) -> None:
    assert parse_tarball_url(url) == package


def test_a_lock_file_and_its_tarball_may_differ() -> None:
    url = "https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz"
    assert list_installed("left-pad", "1.3.0", url) == [("left-pad", "1.3.0")]
    assert list_installed("nick", "1.0.0", url) == [("nick", "1.0.0"), ("left-pad", "1.3.0")]
