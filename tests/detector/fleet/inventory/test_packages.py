"""The registry in a location; test_npm.py and test_pypi.py list with it."""

import pytest

from detector.fleet.inventory import InventoryOptions
from detector.fleet.inventory._packages import list_package_entries


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("acme", "npm+https://public.example/acme"),
        ("https://host/npm/private/acme", "npm+https://host/npm/private/acme"),
        ("https://host/npm/@acme/ui", "npm+https://host/npm/@acme/ui"),
    ],
)
def test_the_registry_stands_before_the_name(location: str, url: str) -> None:
    def list_nothing(client: object, name: str) -> object:
        raise AssertionError

    options = InventoryOptions()
    (entry,) = list_package_entries("npm", "https://public.example", location, options, list_nothing)  # type: ignore[arg-type]
    assert entry.url == url  # type: ignore[union-attr]
