"""The HTTP client of leakfirst: bounded in time, size and redirects, and silent about what it carries.

Verification, rotators, inventories and notifications send their requests with
it; a `ClientPolicy` says what each of them allows. Always true:

* TLS, with the certificate checked against the host's name; plain HTTP goes to
  this machine and to hosts that the policy names, and never through a proxy;
* the connection goes to an address that the guard approved (ssrf_guard.py);
* a redirect is followed on the same host only, so no credential reaches another;
* no cookie is kept, an answer is read up to a limit, also when it is compressed;
* errors are in our words: a library's message may quote the header or the URL
  that holds the credential. Libraries' logs are silent meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from detector import __version__
from detector.errors import UsageError
from detector.net.failures import RequestFailed
from detector.net.log_silencing import silence_client_logs
from detector.net.rate_limiter import RateLimiter, RateLimits
from detector.net.ssrf_guard import SsrfGuard, is_loopback

if TYPE_CHECKING:
    import httpcore

    from detector.net.transport import GuardedTransport

DEFAULT_PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 307, 308)


class ClientPolicy(NamedTuple):
    """What a caller allows. Times in seconds, sizes in bytes.

    `allow_internal` names hosts or addresses that may be asked although they are
    not public; `plain_http` those that may be asked without TLS. `timeout` is for
    one read or write, `total` for the whole request (0: as long as `timeout`).
    `compression` offers the server to compress its answers.
    """

    allow_internal: tuple[str, ...] = ()
    plain_http: tuple[str, ...] = ()
    timeout: float = 15.0
    total: float = 0.0
    max_bytes: int = 1 << 20
    max_redirects: int = 2
    limits: RateLimits = RateLimits()
    environment_proxies: bool = False
    compression: bool = False
    ca_file: str = ""


class Request(NamedTuple):
    """What to send. The URL may hold a credential: it is never shown."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""
    follow: bool = False


class _Sink(NamedTuple):
    """Where the body of a download goes, and how many bytes it may have."""

    write: Callable[[bytes], object]
    max_bytes: int


class Reply(NamedTuple):
    """What came back; header names in lower case."""

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


class HttpClient:
    """Sends requests as its policy allows. Used within one event loop."""

    def __init__(
        self,
        policy: ClientPolicy,
        guard: SsrfGuard | None = None,
        tls: ssl.SSLContext | None = None,
        proxies: Mapping[str, str] | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """*guard*, *tls*, *proxies* and *backend* are for tests."""
        self.policy = policy
        self.guard = guard or SsrfGuard(policy.allow_internal)
        self._limiter = RateLimiter(policy.limits)
        self._tls, self._proxies, self._backend = tls, proxies, backend
        self._open: GuardedTransport | None = None

    @property
    def tls(self) -> ssl.SSLContext:
        """The trusted certificates; read on first use, which takes longer than a request."""
        if self._tls is None:
            variables = tuple(os.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
            self._tls = _make_tls_context(self.policy.ca_file, variables)
        return self._tls

    async def close(self) -> None:
        """Close connections."""
        if self._open is not None:
            await self._open.aclose()

    async def send(self, request: Request) -> Reply:
        """Send *request* in its host's turn and return the answer. Raises `RequestFailed`.

        With `follow`, redirects on the same host are followed, with the same
        method and content; one that leads to another host is a failure.
        """
        try:
            with silence_client_logs():
                return await self._follow(request)
        except RequestFailed as error:
            failure = error
        failure.__context__ = None  # the error of a library may quote a value
        raise failure

    async def download(self, request: Request, write: Callable[[bytes], object], max_bytes: int) -> Reply:
        """Send *request* and pass the body of an answer with status 200 or 206 to *write*; it may have *max_bytes*.

        The reply has the body of any other answer. Redirects are not followed. Raises `RequestFailed`.
        """
        try:
            with silence_client_logs():
                return await self._send_once(request, _Sink(write, max_bytes))
        except RequestFailed as error:
            failure = error
        failure.__context__ = None  # see `send`
        raise failure

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Hold a turn at *host*, for no longer than one request may take; every failure becomes `RequestFailed`."""
        total = self.policy.total or self.policy.timeout
        async with self._limiter.turn(host):
            failure: RequestFailed
            try:
                async with asyncio.timeout(total):
                    yield
                    self._limiter.record(host, answered=True)
                    return
            except RequestFailed as error:
                failure = error
            except TimeoutError:
                self._limiter.record(host, answered=False)
                why = f"{host} did not answer within {total:g} seconds"
                failure = RequestFailed(why, sent=True, temporary=True)
            except Exception as error:  # a library's message may quote the credential
                if _is_timeout(error):
                    self._limiter.record(host, answered=False)
                failure = _explain(error, host)
        raise failure from None

    async def _follow(self, request: Request) -> Reply:
        for _ in range(self.policy.max_redirects + 1):
            reply = await self._send_once(request)
            target = reply.headers.get("location", "")
            if not request.follow or reply.status not in REDIRECTS or not target:
                return reply
            request = request._replace(url=resolve_on_same_host(target, request.url))
        raise RequestFailed("redirects have no end", sent=True)

    async def _send_once(self, request: Request, sink: _Sink | None = None) -> Reply:
        host = _check_url(request.url, self.policy)
        async with self.turn(host):
            reply = await self._exchange(request, sink)
        if reply.status == 429 or "retry-after" in reply.headers:
            wait = reply.headers.get("retry-after", "")
            self._limiter.pause(host, float(wait) if wait.isdecimal() else 1.0)
        return reply

    async def _exchange(self, request: Request, sink: _Sink | None) -> Reply:
        transport = self._get_transport()
        compression = self.policy.compression and sink is None  # a stored file is not compressed for the way
        headers = [("User-Agent", f"leakfirst/{__version__}"), *request.headers]
        headers.append(("Accept-Encoding", "gzip" if compression else "identity"))
        if not any(name.lower() == "accept" for name, _ in headers):
            headers.append(("Accept", "application/json"))
        timeout = self.policy.timeout
        answer = await transport.send(
            request.method,
            request.url,
            headers,
            request.content,
            {"connect": min(timeout, 10.0), "read": timeout, "write": timeout, "pool": 60.0},
        )
        body = b""
        wanted = sink if answer.status_code in (200, 206) else None
        limit = wanted.max_bytes if wanted else self.policy.max_bytes
        try:
            if int(answer.headers.get("content-length") or 0) > limit:
                raise _make_too_long(limit)
            chunks = answer.aiter_raw()
            encoding = answer.headers.get("content-encoding", "identity").lower()
            if encoding in ("gzip", "x-gzip", "deflate") and compression:
                chunks = _decompress(chunks, limit)
            elif encoding not in ("identity", "") and not wanted:
                raise RequestFailed("the answer is compressed, which was not asked for", sent=True)
            if wanted:
                await _pass_on(chunks, wanted)
            else:
                body = await _read_bounded(chunks, limit)
        finally:
            await answer.aclose()
        return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)

    def _get_transport(self) -> GuardedTransport:
        if self._open is None:
            from detector.net.transport import GuardedTransport

            self._open = GuardedTransport(
                self.guard, lambda: self.tls, self._proxies, self._backend, self.policy.environment_proxies
            )
        return self._open


def resolve_on_same_host(target: str, url: str) -> str:
    """Return the URL that a redirect or link *target* in the answer to *url* leads to.

    The scheme stays that of *url*. Raises `RequestFailed` where the target
    lies on another host.
    """
    here = urlsplit(url)
    try:
        there = urlsplit(urljoin(url, target))
        same = there.hostname == here.hostname and _normalize_port(there) == _normalize_port(here)
    except ValueError:
        raise RequestFailed("a link cannot be read", sent=True) from None
    if not same or there.scheme not in DEFAULT_PORTS or there.username is not None:
        host = "".join(c if c.isprintable() else "?" for c in there.netloc.rpartition("@")[2])[:80]
        raise RequestFailed(f"leads to another host ({host}), which is not asked", sent=True)
    return urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))


def _normalize_port(address: Any) -> int | None:
    """Return the port of a URL, None for the default one of its scheme."""
    return None if address.port == DEFAULT_PORTS.get(address.scheme) else address.port


def _check_url(url: str, policy: ClientPolicy) -> str:
    """Return ``host:port`` of *url* as it stands there. Raises `RequestFailed` where it must not be asked."""
    try:
        address = urlsplit(url)
        host, port = address.hostname or "", address.port
    except ValueError:
        host, port = "", None
    if not host:
        raise RequestFailed("its address is no URL")
    name = address.netloc.rpartition("@")[2]
    if address.scheme == "https" or (
        address.scheme == "http"
        and (is_loopback(host) or host in policy.plain_http or f"{host}:{port}" in policy.plain_http)
    ):
        return name
    raise RequestFailed(f"{name} would be asked without TLS, which is done on this machine alone")


@cache
def _make_tls_context(ca_file: str, variables: tuple[str, ...]) -> ssl.SSLContext:
    """Return the context for these settings; *variables* of the environment name certificates too."""
    del variables
    if not ca_file:
        import httpx

        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        pass
    raise UsageError(f"{ca_file}: no certificates can be read from this file")


# -- reading the body ----------------------------------------------------------


def _make_too_long(limit: int) -> RequestFailed:
    shown = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
    return RequestFailed(f"the answer is longer than {shown}", sent=True)


async def _read_bounded(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise _make_too_long(limit)
    return bytes(body)


async def _pass_on(chunks: AsyncIterator[bytes], sink: _Sink) -> None:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > sink.max_bytes:
            raise _make_too_long(sink.max_bytes)
        sink.write(chunk)


async def _decompress(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Decompress gzip or deflate, at most one byte more than *limit*."""
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    left = limit + 1
    async for chunk in chunks:
        try:
            part = unpack.decompress(chunk, left)
        except zlib.error:
            part = None
        if part is None:
            raise RequestFailed("the answer cannot be decompressed", sent=True, temporary=True)
        left -= len(part)
        yield part
        if not left:
            return
    if not unpack.eof:
        raise RequestFailed("the answer breaks off", sent=True, temporary=True)


# -- failures in plain words ---------------------------------------------------


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower()


def _explain(error: BaseException, host: str) -> RequestFailed:
    """Say what kind of failure this is, without the library's message, which may quote the credential."""
    causes = _list_causes(error)
    names = " ".join(type(cause).__name__ for cause in causes)
    sent = not any(name in names for name in ("ConnectError", "ConnectTimeout", "PoolTimeout", "LocalProtocol"))
    temporary = True
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        why = "has no valid certificate"
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        why = "does not speak TLS as it should"
    elif any(_is_timeout(cause) for cause in causes):
        why = "did not answer in time"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        why = "refused the connection"
    elif any(name in names for name in ("LocalProtocol", "InvalidURL", "UnsupportedProtocol")):
        why, sent, temporary = "cannot be asked: the credential does not fit into a request", False, False
    elif "Protocol" in names or "Connect" in names or any(isinstance(cause, OSError) for cause in causes):
        why = "broke the connection off, or could not be reached"
    else:
        why, temporary = f"could not be asked ({type(error).__name__})", False
    return RequestFailed(f"{host} {why}", sent=sent, temporary=temporary)


def _list_causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    here: BaseException | None = error
    while here is not None and here not in found:
        found.append(here)
        here = here.__cause__ or here.__context__
    return found
