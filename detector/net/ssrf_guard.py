"""Which addresses requests may go to: public ones, and those that the operator names.

A scanned repository must never make the scanner call into the network it runs
in. So the decision is made on the address that is connected to, after the name
was resolved, and the connection goes to that very address: a name that
resolves differently a moment later (DNS rebinding) changes nothing. Names are
resolved once a run. If any address of a name is internal, the name is refused.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from detector.net.failures import RequestFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
Route = Callable[[str, int], tuple[str, int]]

_NOT_PUBLIC = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's host agent: metadata behind a public-looking address
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
]  # fmt: skip
_UNICAST = ipaddress.ip_network("2000::/3")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_METADATA = [
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "168.63.129.16/32",
    )
]


def refusal_reason(text: str) -> str:
    """Return why an address may not be asked, or the empty text.

    >>> refusal_reason("169.254.169.254")
    'a link-local address'
    >>> refusal_reason("140.82.121.6")
    ''
    """
    try:
        address = _embedded_ipv4(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return "no address"
    if "%" in text or address.is_link_local:
        return "a link-local address"
    if address.is_loopback:
        return "a loopback address"
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return "a private address" if address.is_private else "a special-purpose address"
    if address.version == 6 and address not in _UNICAST:
        return "a private address" if address.is_private else "a special-purpose address"
    return ""


def _embedded_ipv4(address: Address) -> Address:
    """Return the IPv4 address that is embedded in an IPv6 address (mapped, NAT64), else *address* itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_metadata(text: str) -> bool:
    address = _embedded_ipv4(ipaddress.ip_address(text.partition("%")[0]))
    return any(address in network for network in _METADATA if network.version == address.version)


def is_loopback(host: str) -> bool:
    """Tell whether *host* is ``localhost`` or an address of this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("example.com")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return _embedded_ipv4(ipaddress.ip_address(host.strip("[]"))).is_loopback
    except ValueError:
        return False


async def resolve_with_system(host: str, port: int) -> list[str]:
    """Ask the system's resolver; the timeout of the request also limits how long that may take."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_get_resolvers(os.getpid()), _call_resolver, host, port)
    return list(dict.fromkeys(found))


def _call_resolver(host: str, port: int) -> list[str]:
    import socket

    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@cache
def _get_resolvers(process: int) -> ThreadPoolExecutor:
    """Return the threads of this process: a forked one has none of those that its parent has started.

    A resolver that hangs holds one of these threads, never one that runs a probe.
    """
    del process
    return ThreadPoolExecutor(16, "resolve")


class SsrfGuard:
    """Resolves names once and lets only allowed addresses pass.

    *allow* names exceptions: a host or an address, each optionally with
    ``:port``. A named host may resolve to an internal address, but to the
    metadata service of a cloud only when that address itself is named.
    """

    def __init__(
        self, allow: Iterable[str] = (), resolve: Resolve = resolve_with_system, route: Route | None = None
    ) -> None:
        """*route* maps an approved address to the one that is connected to; for tests with servers on this machine."""
        self._allow = frozenset(name.strip().lower().strip("[]") for name in allow)
        self._resolve = resolve
        self._known: dict[tuple[str, int], asyncio.Task[list[str]]] = {}
        self.route: Route = route or (lambda address, port: (address, port))

    def allows(self, host: str, port: int) -> bool:
        """Tell whether the operator named this host, although it may be internal."""
        host = host.lower().strip("[]")
        return host in self._allow or f"{host}:{port}" in self._allow

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of *host* that may be connected to. Raises `RequestFailed`."""
        host = host.lower().strip("[]").rstrip(".")
        task = self._known.get((host, port))
        if task is None:
            task = self._known[host, port] = asyncio.ensure_future(self._resolve_and_check(host, port))
        return await asyncio.shield(task)

    async def _resolve_and_check(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError, ValueError):
            found = []
        if not found:
            raise RequestFailed(f"the name {host} has no address", temporary=True)
        for address in found:
            reason = refusal_reason(address)
            if not reason or self.allows(address, port):
                continue
            if _is_metadata(address):
                raise RequestFailed(f"{host} is {reason}, which may be the metadata service of a cloud")
            if not self.allows(host, port):
                raise RequestFailed(f"{host} is {reason}; name it with --allow-internal to have it asked")
        return found
