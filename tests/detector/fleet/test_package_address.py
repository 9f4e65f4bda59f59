"""Addresses of packages in an inventory."""

import pytest

from detector.errors import SourceError
from detector.fleet.package_address import PackageAddress, parse_address


@pytest.mark.parametrize("url", ["https://git.example.org/x", "npm+", "npm+https://host", "npm+https:/x", "npm+x/y"])
def test_an_address_of_another_form(url: str) -> None:
    with pytest.raises(SourceError):
        parse_address(url)


def test_an_address_keeps_registry_and_scope() -> None:
    for address in (
        PackageAddress("npm", "https://host:8443/artifactory/npm", "@acme/ui"),
        PackageAddress("pypi", "https://pypi.org/simple", "acme"),
    ):
        assert parse_address(address.url) == address
