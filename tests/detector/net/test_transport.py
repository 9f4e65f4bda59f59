"""Proxies of the environment are used, and open no way around the guard."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from detector.net.http_client import Reply, Request
from detector.net.ssrf_guard import SsrfGuard
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, ProbeSettings
from tests.fakes.provider import PUBLIC, Authority, Provider


@contextmanager
def proxy(to: int) -> Iterator[tuple[str, list[str]]]:
    """A proxy that leads every CONNECT to a port of this machine, and what it was asked."""
    asked: list[str] = []

    def carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            asked.append(near.recv(4096).split(b"\r\n")[0].decode())
            near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            far = socket.create_connection(("127.0.0.1", to))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=carry, args=pair, daemon=True).start()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)


def ask(url: str, authority: Authority, found: list[str]) -> Reply:
    async def resolve(host: str, port: int) -> list[str]:
        return found

    async def work() -> Reply:
        client = ProbeClient(ProbeSettings(timeout=60), SsrfGuard((), resolve), authority.client_context())
        try:
            return await client.send(Request("GET", url))
        finally:
            await client.close()

    return asyncio.run(work())


def test_the_proxy_of_the_environment_is_used(
    acme: Provider, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(acme.port) as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", address)
        assert ask("https://api.acme.test/x", authority, [PUBLIC]).status == 200
        assert ask("https://only-the-proxy-knows.acme.test/x", authority, []).status == 200
    assert asked[0].startswith("CONNECT api.acme.test:443")
    assert [heard.target for heard in acme.heard] == ["/x", "/x"]


def test_a_host_without_proxy_is_asked_directly(
    acme: Provider, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(acme.port) as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("NO_PROXY", "acme.test")
        with pytest.raises(NoVerdict, match="loopback"):
            ask("https://api.acme.test/x", authority, ["127.0.0.1"])
    assert not asked


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://169.254.169.254/x", []),
        ("https://[::1]/x", []),
        ("https://inner.acme.test/x", ["10.0.0.8"]),
    ],
)
def test_a_proxy_is_no_way_around_the_guard(
    url: str, found: list[str], acme: Provider, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(acme.port) as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", address)
        with pytest.raises(NoVerdict):
            ask(url, authority, found)
    assert not asked
