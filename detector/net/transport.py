"""httpx over connections that the guard has approved.

httpx has no place to say which address a name may lead to, httpcore has one:
its network backend. The backend connects to the approved address, and TLS is
then spoken with the host's name, so a pinned address needs no weaker check.
Imported only when something is asked.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import httpcore
import httpx  # noqa: TID253 - this module is itself imported where it is used

from detector.net.ssrf_guard import Guard, why_refused
from detector.probes._contract import Unclear

_CONNECTIONS = 64


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to approved addresses only."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try the approved addresses of *host* one after the other."""
        trouble: Exception = httpcore.ConnectError()
        for address in await self._guard.addresses(host, port):
            place, door = self._guard.route(address, port)
            try:
                return await self._inner.connect_tcp(place, door, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests directly or through the proxies of the environment."""

    def __init__(
        self,
        guard: Guard,
        tls: ssl.SSLContext,
        proxies: Mapping[str, str] | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._guard = guard
        self._tls = tls
        self._backend = backend or GuardedBackend(guard)
        self._environment = proxies is None
        self._proxies = urllib.request.getproxies() if proxies is None else proxies
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*; raises httpcore's errors or `Unclear`."""
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        proxy = self._proxy_for(request.url.scheme, host)
        if proxy:
            await self._check_behind_proxy(host, port)
        answer = await self._pool(proxy).handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()

    def _proxy_for(self, scheme: str, host: str) -> str:
        if self._environment and urllib.request.proxy_bypass(host):
            return ""
        return self._proxies.get(scheme) or self._proxies.get("all", "")

    async def _check_behind_proxy(self, host: str, port: int) -> None:
        """Refuse what is internal as far as it can be known here; names we cannot resolve are the proxy's to judge."""
        refused = why_refused(host.strip("[]"))
        if refused == "no address":
            try:
                await self._guard.addresses(host, port)
            except Unclear as unclear:
                if "has no address" not in str(unclear):
                    raise
        elif refused and not self._guard.allows(host, port):
            raise Unclear(f"{host} is {refused}; name it with --allow-internal to have it asked")

    def _pool(self, proxy: str) -> httpcore.AsyncConnectionPool:
        pool = self._pools.get(proxy)
        if pool is None:
            if proxy:
                # The proxy is the operator's own, so its address may be internal.
                address = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")
                chosen = httpcore.Proxy(str(address.url), address.raw_auth)
                pool = httpcore.AsyncConnectionPool(self._tls, chosen, max_connections=_CONNECTIONS, http2=True)
            else:
                pool = httpcore.AsyncConnectionPool(
                    self._tls, max_connections=_CONNECTIONS, http2=True, network_backend=self._backend
                )
            self._pools[proxy] = pool
        return pool


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()
