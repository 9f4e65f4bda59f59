"""The guard: no way from a scanned line into the network that the scanner runs in."""

import asyncio
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.net.failures import RequestFailed
from detector.net.ssrf_guard import SsrfGuard, refusal_reason

INTERNAL = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.31.0.1",
    "192.168.1.1", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "::127.0.0.1", "::ffff:0:127.0.0.1",
]  # fmt: skip
PUBLIC = ["140.82.121.6", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", INTERNAL)
def test_an_internal_address_is_refused(address: str) -> None:
    assert refusal_reason(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    assert refusal_reason(address) == ""


@given(st.ip_addresses())
def test_nothing_passes_that_is_not_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not refusal_reason(str(address)):
        meant = getattr(address, "ipv4_mapped", None) or address
        assert meant.is_global or str(address).startswith("64:ff9b::")


def addresses(host: str, found: list[str], *allow: str) -> list[str]:
    async def resolve(host: str, port: int) -> list[str]:
        return found

    return asyncio.run(SsrfGuard(allow, resolve).addresses(host, 443))


def test_one_internal_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(RequestFailed, match="private"):
        addresses("mixed.test", ["140.82.121.6", "10.0.0.1"])


def test_what_the_operator_names_may_be_internal() -> None:
    assert addresses("vault.corp", ["10.0.0.1"], "vault.corp") == ["10.0.0.1"]
    assert addresses("vault.corp", ["10.0.0.1"], "VAULT.corp:443") == ["10.0.0.1"]
    assert addresses("any.corp", ["10.0.0.1"], "10.0.0.1") == ["10.0.0.1"]
    with pytest.raises(RequestFailed):
        addresses("vault.corp", ["10.0.0.1"], "vault.corp:8200")
    with pytest.raises(RequestFailed):
        addresses("other.corp", ["10.0.0.1"], "vault.corp")


def test_a_named_host_may_still_not_become_the_metadata_service() -> None:
    with pytest.raises(RequestFailed, match="link-local"):
        addresses("vault.corp", ["169.254.169.254"], "vault.corp")
    assert addresses("vault.corp", ["169.254.169.254"], "169.254.169.254")


def test_a_name_is_resolved_once_so_that_rebinding_changes_nothing() -> None:
    answers = iter([["140.82.121.6"], ["127.0.0.1"]])

    async def resolve(host: str, port: int) -> list[str]:
        return next(answers)

    async def work() -> list[list[str]]:
        guard = SsrfGuard((), resolve)
        return [await guard.addresses("rebind.test", 443) for _ in range(2)]

    assert asyncio.run(work()) == [["140.82.121.6"], ["140.82.121.6"]]


@pytest.mark.parametrize("name", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::1]"])
def test_the_spellings_of_this_machine_are_refused(name: str) -> None:
    with pytest.raises(RequestFailed):
        asyncio.run(SsrfGuard().addresses(name, 80))
