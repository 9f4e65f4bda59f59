"""The graph that SBOM formats have in common."""

import pytest

from detector.incident.dependents._sbom import SbomComponent, list_entries, list_without_url, parse_package_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("pkg:npm/%40a/b@1.0", SbomComponent("npm", "@a/b", "1.0")),
        ("pkg:maven/org.x/y@1.0", SbomComponent("maven", "org.x:y", "1.0")),
        ("pkg:oci/app@sha256:ab?repository_url=ghcr.io/x/app", SbomComponent("docker", "ghcr.io/x/app", "sha256:ab")),
        ("pkg:deb/debian/curl@7", None),
        ("nonsense", None),
    ],
)
def test_a_package_url_is_parsed(url: str, expected: SbomComponent | None) -> None:
    assert parse_package_url(url) == expected


def test_a_component_that_is_not_a_package_is_replaced_by_its_contents() -> None:
    outer, inner = SbomComponent("npm", "outer", "1"), SbomComponent("npm", "inner", "2")
    components = {"app": None, "package-lock.json": None, "o": outer, "i": inner}
    needs = {"app": ["package-lock.json"], "package-lock.json": ["o"], "o": ["i"], "i": ["app"]}
    entries = list(list_entries(components, needs, ["app"], lambda *_: True))
    assert [(entry.name, entry.direct, entry.via) for entry in entries] == [
        ("outer", True, ()),
        ("inner", False, ("outer@1",)),
    ]


def test_a_component_without_a_package_url_is_reported_with_a_note() -> None:
    (entry,) = list_without_url([("inner", "1"), ("inner", "1")], lambda kind, name: kind == "npm" and name == "inner")
    assert (entry.ecosystem, entry.version, entry.note) == ("npm", "1", "has no package URL")
