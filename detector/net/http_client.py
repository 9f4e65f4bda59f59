"""Send one request, take one bounded answer, and say in plain words what went wrong.

Nothing that a library says in an exception is passed on: it may quote the
header or the URL that holds the credential. No cookie is kept, no redirect
followed to another host, no compressed answer unpacked; TLS is always checked
against the host's name while the connection goes to the address that the guard
approved.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

from detector import __version__
from detector.net.rate_limiter import Pace
from detector.net.ssrf_guard import Guard
from detector.probes._contract import Settings, Unclear

if TYPE_CHECKING:
    import httpcore
    import httpx

MOST_BYTES = 1 << 20
"""Of an answer; a longer one is no answer."""
_TOO_LONG = f"the answer is longer than {MOST_BYTES >> 20} MiB"
MOST_HOPS = 2

T = TypeVar("T")


class Request(NamedTuple):
    """What to send. The URL may hold a credential: it is never shown."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""
    follow: bool = False


class Reply(NamedTuple):
    """What came back, at most `MOST_BYTES` of it; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, or None."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def is_page(self) -> bool:
        """Whether this is a web page, where an API would not send one."""
        start = self.body[:256].lstrip().lower()
        return "html" in self.headers.get("content-type", "") or start.startswith((b"<!doctype html", b"<html"))


class Wire:
    """Everything a probe may use to reach an issuer. Used within one event loop."""

    def __init__(
        self,
        settings: Settings,
        guard: Guard | None = None,
        tls: ssl.SSLContext | None = None,
        proxies: Mapping[str, str] | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """*guard*, *tls* and *backend* are for tests; *proxies* default to those of the environment."""
        import httpx

        from detector.net.transport import GuardedTransport

        self.settings = settings
        self.guard = guard or Guard(settings.allow_internal)
        self.tls = tls or httpx.create_ssl_context()
        self.pace = Pace(settings)
        self.shared: dict[object, Any] = {}
        """What the probes of one run may remember for each other."""
        self._transport: httpx.AsyncBaseTransport = GuardedTransport(self.guard, self.tls, proxies, backend)
        self._threads = ThreadPoolExecutor(16, "probe")

    async def close(self) -> None:
        """Close connections."""
        await self._transport.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, request: Request) -> Reply:
        """Send *request* in its host's turn and return the answer. Raises `Unclear`."""
        reply = await self._once(request)
        for _ in range(MOST_HOPS if request.follow else 0):
            target = urljoin(request.url, reply.headers.get("location", ""))
            if reply.status not in (301, 302, 307, 308) or _origin(target) != _origin(request.url):
                break
            request = request._replace(url=target)
            reply = await self._once(request)
        return reply

    async def _once(self, request: Request) -> Reply:
        host = urlsplit(request.url).netloc.rpartition("@")[2]
        async with self.turn(host):
            reply = await self._send(request)
        if reply.status == 429 or "retry-after" in reply.headers:
            wait = reply.headers.get("retry-after", "")
            self.pace.rest(host, float(wait) if wait.isdecimal() else 1.0)
        return reply

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Hold a turn at *host*, with the time limit of one request; every failure becomes `Unclear`."""
        async with self.pace.turn(host):
            why = ""
            try:
                async with asyncio.timeout(self.settings.timeout):
                    yield
            except Unclear as unclear:
                why = str(unclear)
            except TimeoutError:
                self.pace.heard(host, answered=False)
                why = f"{host} did not answer within {self.settings.timeout:g} seconds"
            except Exception as error:  # a library's words may quote the credential
                if _is_timeout(error):
                    self.pace.heard(host, answered=False)
                why = f"{host} {_plain(error)}"
            else:
                self.pace.heard(host, answered=True)
        if why:
            raise Unclear(why)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run a blocking driver call beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _send(self, request: Request) -> Reply:
        import httpx

        headers = [("User-Agent", f"leakfirst/{__version__}"), ("Accept-Encoding", "identity"), *request.headers]
        if not any(name.lower() == "accept" for name, _ in headers):
            headers.append(("Accept", "application/json"))
        timeout = {"connect": 10.0, "read": self.settings.timeout, "write": 10.0, "pool": 60.0}
        sent = httpx.Request(
            request.method,
            request.url,
            headers=headers,
            content=request.content or None,
            extensions={"timeout": timeout},
        )
        answer = await self._transport.handle_async_request(sent)
        try:
            if answer.headers.get("content-encoding", "identity") not in ("identity", ""):
                raise Unclear("the answer is compressed, which was not asked for")
            if int(answer.headers.get("content-length") or 0) > MOST_BYTES:
                raise Unclear(_TOO_LONG)
            body = await _bounded(answer.stream)  # type: ignore[arg-type]
        finally:
            await answer.aclose()
        return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)


async def _bounded(stream: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > MOST_BYTES:
            raise Unclear(_TOO_LONG)
    return bytes(body)


def _origin(url: str) -> tuple[str, str]:
    address = urlsplit(url)
    return address.scheme, address.netloc


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower()


def _plain(error: BaseException) -> str:
    """Say what kind of failure this is, in our words: a library's may quote the credential."""
    kinds = _causes(error)
    if any(isinstance(kind, ssl.SSLCertVerificationError) for kind in kinds):
        return "has no valid certificate"
    if any(isinstance(kind, ssl.SSLError) for kind in kinds):
        return "does not speak TLS as it should"
    if any(_is_timeout(kind) for kind in kinds):
        return "did not answer in time"
    if any(isinstance(kind, ConnectionRefusedError) for kind in kinds):
        return "refused the connection"
    names = " ".join(type(kind).__name__ for kind in kinds)
    if "LocalProtocol" in names or "InvalidURL" in names or "UnsupportedProtocol" in names:
        return "cannot be asked: the credential does not fit into a request"
    if "Protocol" in names or "Connect" in names or any(isinstance(kind, OSError) for kind in kinds):
        return "broke the connection off, or could not be reached"
    return f"could not be asked ({type(error).__name__})"


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    here: BaseException | None = error
    while here is not None and here not in found:
        found.append(here)
        here = here.__cause__ or here.__context__
    return found
