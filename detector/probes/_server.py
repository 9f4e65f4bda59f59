"""A database server as its address tells it, and a checked connection to it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from detector.net.http_client import Wire
from detector.probes._contract import Unclear

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


async def at_server(server: Server, wire: Wire, work: Callable[[Reached], T]) -> T:
    """Run *work* in a thread, in the server's turn, with an address that the guard approved."""
    async with wire.turn(f"{server.host}:{server.port}"):
        address = (await wire.guard.addresses(server.host, server.port))[0]
        place, door = wire.guard.route(address, server.port)
        internal = wire.guard.allows(server.host, server.port) or wire.guard.allows(address, server.port)
        reached = Reached(place, door, internal, max(wire.settings.timeout - 1, 0.5), wire.tls)
        return await wire.in_thread(lambda: work(reached))


def missing(package: str) -> Unclear:
    """Say which part of the distribution is not installed."""
    return Unclear(f"{package} is not installed: pip install 'leakfirst[databases]'")
