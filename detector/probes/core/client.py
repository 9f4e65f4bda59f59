"""What a probe may use to reach a provider: requests, turns at a database server, a place for shared facts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from detector.net.failures import RequestFailed
from detector.net.http_client import ClientPolicy, HttpClient, Reply, Request
from detector.net.rate_limiter import RateLimits
from detector.net.ssrf_guard import SsrfGuard
from detector.probes.core.contract import NoVerdict, ProbeSettings

if TYPE_CHECKING:
    import httpcore

T = TypeVar("T")
ReadFiles = Callable[[tuple[str, ...]], Iterable[bytes]]

MAX_PAUSE = 10.0
"""Longest Retry-After, in seconds, by which a host may delay the rest of its requests."""


class ProbeClient:
    """An `HttpClient` under the settings of verification. Used within one event loop.

    What a scanned repository names is asked only as far as the guard allows:
    public addresses, and what the operator names.
    """

    def __init__(
        self,
        settings: ProbeSettings,
        guard: SsrfGuard | None = None,
        tls: ssl.SSLContext | None = None,
        proxies: Mapping[str, str] | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
        read_public_keys: ReadFiles = lambda _: (),
    ) -> None:
        """*guard*, *tls*, *proxies* and *backend* are for tests.

        *read_public_keys* returns the files of repositories that may hold
        certificates and public keys.
        """
        self.settings = settings
        self.read_public_keys = read_public_keys
        self.shared: dict[object, Any] = {}
        """What the probes of one run may remember for each other."""
        limits = RateLimits(settings.rate, settings.together, settings.total_rate, settings.total_together, MAX_PAUSE)
        policy = ClientPolicy(
            allow_internal=settings.allow_internal,
            plain_http=settings.allow_internal,
            timeout=settings.timeout,
            limits=limits,
            environment_proxies=True,
        )
        self._http = HttpClient(policy, guard, tls, proxies, backend)
        self._threads = ThreadPoolExecutor(16, "probe")

    @property
    def guard(self) -> SsrfGuard:
        """Decides which addresses may be connected to."""
        return self._http.guard

    @property
    def tls(self) -> ssl.SSLContext:
        """The trusted certificates."""
        return self._http.tls

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, request: Request) -> Reply:
        """Send *request* in its host's turn and return the answer. Raises `NoVerdict`."""
        try:
            return await self._http.send(request)
        except RequestFailed as failure:
            why = str(failure)
        raise NoVerdict(why)

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Hold a turn at *host*, with the time limit of one request; every failure becomes `NoVerdict`."""
        why = ""
        try:
            async with self._http.turn(host):
                yield
        except RequestFailed as failure:
            why = str(failure)
        if why:
            raise NoVerdict(why)

    async def run_in_thread(self, work: Callable[[], T]) -> T:
        """Run a blocking driver call beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
