"""Connections to approved addresses only.

httpx has no place to say which address a name may lead to, httpcore has one:
its network backend. The backend connects to the approved address, and TLS is
then spoken with the host's name, so a pinned address needs no weaker check.
Imported only when a request is sent.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import httpcore
import httpx  # noqa: TID253 - this module is itself imported where it is used

from detector.net.failures import RequestFailed
from detector.net.ssrf_guard import SsrfGuard, is_loopback, refusal_reason

MAX_CONNECTIONS = 64


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to approved addresses only."""

    def __init__(self, guard: SsrfGuard) -> None:
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
        failure: Exception = httpcore.ConnectError()
        for approved in await self._guard.addresses(host, port):
            address, at_port = self._guard.route(approved, port)
            try:
                return await self._inner.connect_tcp(address, at_port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)


class GuardedTransport:
    """Sends requests directly, or through proxies where they are asked for."""

    def __init__(
        self,
        guard: SsrfGuard,
        tls: Callable[[], ssl.SSLContext],
        proxies: Mapping[str, str] | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
        environment_proxies: bool = False,
    ) -> None:
        """*proxies* come before those of the environment, which are used if *environment_proxies* says so."""
        self._guard, self._tls = guard, tls
        self._backend = backend or GuardedBackend(guard)
        self._bypass = proxies is None and environment_proxies
        self._proxies = urllib.request.getproxies() if self._bypass else proxies or {}
        self._pools: dict[tuple[str, bool], httpcore.AsyncConnectionPool] = {}

    async def send(
        self, method: str, url: str, headers: list[tuple[str, str]], content: bytes, timeouts: dict[str, float]
    ) -> httpx.Response:
        """Send one request; the answer's body is still to be read. Raises httpcore's errors or `RequestFailed`."""
        request = httpx.Request(method, url, headers=headers, content=content or None)
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        proxy = self._find_proxy(request.url.scheme, host)
        if proxy:
            await self._check_behind_proxy(host, port)
        answer = await self._get_pool(proxy, request.url.scheme == "https").handle_async_request(
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
                extensions={"timeout": timeouts},
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()

    def _find_proxy(self, scheme: str, host: str) -> str:
        """Return the URL of the proxy for *host*; without TLS a proxy would read the request, so there is none."""
        if scheme != "https" or is_loopback(host) or (self._bypass and urllib.request.proxy_bypass(host)):
            return ""
        return self._proxies.get(scheme) or self._proxies.get("all", "")

    async def _check_behind_proxy(self, host: str, port: int) -> None:
        """Refuse internal hosts as far as they are known here; the proxy decides on names that we cannot resolve."""
        reason = refusal_reason(host.strip("[]"))
        if reason == "no address":
            try:
                await self._guard.addresses(host, port)
            except RequestFailed as failure:
                if "has no address" not in str(failure):
                    raise
        elif reason and not self._guard.allows(host, port):
            raise RequestFailed(f"{host} is {reason}; name it with --allow-internal to have it asked")

    def _get_pool(self, proxy: str, tls: bool) -> httpcore.AsyncConnectionPool:
        pool = self._pools.get((proxy, tls))
        if pool is None:
            http2 = find_spec("h2") is not None
            context = self._tls() if tls else None
            if proxy:
                # The proxy is the operator's own, so its address may be internal.
                address = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")
                chosen = httpcore.Proxy(str(address.url), address.raw_auth)
                pool = httpcore.AsyncConnectionPool(context, chosen, max_connections=MAX_CONNECTIONS, http2=http2)
            else:
                pool = httpcore.AsyncConnectionPool(
                    context, max_connections=MAX_CONNECTIONS, http2=http2, network_backend=self._backend
                )
            self._pools[proxy, tls] = pool
        return pool


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()
