"""Equivalent names of packages, by the rules of each ecosystem."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.incident.dependents._names import (
    ALIASES,
    ECOSYSTEMS,
    Ecosystem,
    find_ecosystem,
    is_same_package,
    normalize_name,
)

NAMES = st.text(st.sampled_from("aBc1-_./:@ "), min_size=1, max_size=12)


@given(st.sampled_from(ECOSYSTEMS), NAMES)
def test_normalizing_twice_changes_nothing_except_for_go(ecosystem: Ecosystem, name: str) -> None:
    once = normalize_name(ecosystem, name)
    if ecosystem not in ("golang", "docker"):  # they remove one suffix or prefix at a time
        assert normalize_name(ecosystem, once) == once
    assert is_same_package(ecosystem, name, name)


def test_every_alias_means_its_ecosystem() -> None:
    for ecosystem, aliases in ALIASES.items():
        for alias in (ecosystem, *aliases):
            assert find_ecosystem(alias.upper()) == ecosystem


@pytest.mark.parametrize(
    ("ecosystem", "wanted", "name", "expected"),
    [
        ("pypi", "Zope.Interface", "zope_interface", True),
        ("npm", "Lodash", "lodash", False),
        ("cargo", "serde_json", "serde-json", True),
        ("golang", "example.com/x", "example.com/x/v2", True),
        ("golang", "example.com/x/v3", "example.com/x/v2", False),
        ("maven", "log4j-core", "org.apache.logging.log4j:log4j-core", True),
        ("maven", "org.x:log4j-core", "org.y:log4j-core", False),
        ("docker", "node", "docker.io/library/node", True),
        ("github", "a/b", "a/b/sub", True),
        ("github", "a/b/sub", "a/b", False),
    ],
)
def test_whether_two_names_mean_the_same_package(ecosystem: Ecosystem, wanted: str, name: str, expected: bool) -> None:
    assert is_same_package(ecosystem, wanted, name) is expected
