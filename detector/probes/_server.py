"""A database server as its address tells it, and a checked connection to it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict

T = TypeVar("T")


class Server(NamedTuple):
    """Where to sign in and as whom. `password` is plain: it lives as long as the call."""

    kind: str
    host: str
    port: int
    user: str
    password: str
    database: str
    options: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Server({self.kind}, {self.host}:{self.port})"

    def option(self, *names: str) -> str:
        """Return the first option of the address that is there."""
        return next((value for name, value in self.options if name in names), "")


class Reached(NamedTuple):
    """An approved address; `internal` when the operator named the host as one."""

    address: str
    port: int
    internal: bool
    timeout: float
    tls: ssl.SSLContext

    def connect(self) -> socket.socket:
        """Open a connection to exactly this address."""
        return socket.create_connection((self.address, self.port), self.timeout)


async def run_at_server(server: Server, client: ProbeClient, work: Callable[[Reached], T]) -> T:
    """Run *work* in a thread, in the server's turn, with an address that the guard approved."""
    async with client.turn(f"{server.host}:{server.port}"):
        address = (await client.guard.addresses(server.host, server.port))[0]
        place, door = client.guard.route(address, server.port)
        internal = client.guard.allows(server.host, server.port) or client.guard.allows(address, server.port)
        reached = Reached(place, door, internal, max(client.settings.timeout - 1, 0.5), client.tls)
        return await client.run_in_thread(lambda: work(reached))


def report_missing(package: str) -> NoVerdict:
    """Say which part of the distribution is not installed."""
    return NoVerdict(f"{package} is not installed: install leakfirst with the extra databases")
