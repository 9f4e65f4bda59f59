"""Packages of a registry as an inventory."""

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, RepositoryKind, list_repositories
from detector.model import Skipped
from tests.fakes.registries import answer_json
from tests.fakes.registries import server as serve

pytestmark = pytest.mark.net


def test_one_package_is_listed_without_a_request() -> None:
    (entry,) = list_repositories(["npm:@acme/ui"], InventoryOptions())
    assert not isinstance(entry, Skipped)
    assert (entry.name, entry.url, entry.kind, entry.local) == (
        "npm:@acme/ui",
        "npm+https://registry.npmjs.org/@acme/ui",
        RepositoryKind.PACKAGE,
        False,
    )


def test_the_packages_of_an_organisation() -> None:
    with serve() as registry:
        registry.answers["/-/org/acme/package"] = answer_json({"@acme/ui": "write", "left": "write"})
        found = list(list_repositories([f"npm:{registry.url}/@acme/*"], InventoryOptions()))
        assert [entry.url for entry in found] == [  # type: ignore[union-attr]
            f"npm+{registry.url}/@acme/ui",
            f"npm+{registry.url}/left",
        ]


@pytest.mark.parametrize("spec", ["npm:*", "npm:a b", "npm:https://user:pw@host/x", "npm:../x/y", "npm:ftp://host/x"])
def test_a_location_that_names_no_package(spec: str) -> None:
    with pytest.raises(UsageError):
        list(list_repositories([spec], InventoryOptions()))
