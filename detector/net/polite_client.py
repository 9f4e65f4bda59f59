"""Requests to one server, within its rate limits, and downloads from where it points to.

Inventories and sources read servers with it. Waits that a server asks for are kept, errors of
the server are repeated a few times. The token is sent to the host of the base URL alone: a
redirect of a download to another host is followed without it, and only to a public one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from random import random
from time import sleep
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from detector.log import log_step
from detector.net.failures import RequestFailed
from detector.net.host_access import HostAccess, find_access
from detector.net.http_client import DEFAULT_PORTS, REDIRECTS, Reply, Request

if TYPE_CHECKING:
    from detector.net.blocking_client import BlockingHttpClient

MAX_PAGE_BYTES = 64 << 20
MAX_DOWNLOAD_BYTES = 8 << 30
MAX_REDIRECTS = 5
DOWNLOAD_SECONDS = 1800.0
MAX_TRIES = 5
MAX_WAIT = 900.0
"""Seconds for which all waits of one client may last."""

_NOTIFY_SECONDS = 5.0
"""Waits longer than this are announced."""

_DIGESTS = {"sha512": 64, "sha384": 48, "sha256": 32, "sha1": 20, "md5": 16}
"""Kinds of digests, the strongest first, with their length in bytes."""

_SERVER_ERRORS = (500, 502, 503, 504, 520, 522, 524)


class AnswerFailed(Exception):
    """The server gave no usable answer; the message is one line.

    `status` is 0 without an answer; `headers` are those of the answer, names in lower case.
    """

    def __init__(self, reason: str, status: int = 0, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers or {}


class Digest(NamedTuple):
    """The digest that content must have: its kind, such as sha256, and its value in hex."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def choose_digest(values: Mapping[str, object]) -> Digest | None:
    """Return the strongest usable digest of *values*, which maps kinds to hex text; None if there is none."""
    for kind, length in _DIGESTS.items():
        value = values.get(kind)
        if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]+", value) and len(value) == 2 * length:
            return Digest(kind, value.lower())
    return None


def quote_part(text: str) -> str:
    """Return *text* as one part of a path; nothing in it separates parts, also not ``..``."""
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if set(quoted) == {"."} else quoted


class Site(NamedTuple):
    """A server that shares read from. It is picklable and carries no token: each worker finds its own.

    `hosts` are the operator's tables ``[sweep.host."NAME"]``; `allow_internal` names hosts that
    may be asked although they are internal. So may the server itself if the operator named it (`is_named`), but not
    if it stands in a report.
    """

    base: str
    hosts: Mapping[str, Any] = {}
    allow_internal: tuple[str, ...] = ()
    is_named: bool = True

    def find_access(self) -> HostAccess:
        """Return the access for the server. Raises `UsageError`."""
        return find_access(self.base, {"sweep": {"host": self.hosts}} if self.hosts else {})


def make_site(base: str, operator: Mapping[str, Any], allow_internal: tuple[str, ...] = ()) -> Site:
    """Return the site at *base* with what it needs of the operator's configuration."""
    sweep = operator.get("sweep", {})
    hosts = sweep.get("host", {}) if isinstance(sweep, Mapping) else {}
    return Site(base.rstrip("/"), hosts, allow_internal)


def _announce_nothing(_line: str) -> None:
    """Do nothing."""


class PoliteClient:
    """A client for the server at *base*; a context manager, used in one thread.

    *headers* are sent to its host alone, with every request; those of *access* have to be among
    them. The host may be internal, unless *allow_base* is false. *notify* gets one line about each
    long wait. No request may take longer than *total* seconds.
    """

    def __init__(
        self,
        base: str,
        access: HostAccess,
        headers: Mapping[str, str],
        *,
        max_wait: float = MAX_WAIT,
        notify: Callable[[str], None] = _announce_nothing,
        missing_hint: str = "",
        allow_internal: tuple[str, ...] = (),
        allow_base: bool = True,
        total: float = 600.0,
    ) -> None:
        self.base = base
        self.access = access
        self.headers = dict(headers)
        self.received = 0
        self._max_wait, self._notify, self._missing_hint = max_wait, notify, missing_hint
        host = urlsplit(base)
        own = (f"{host.hostname or ''}:{_get_port(host)}",) if allow_base else ()
        self._allow_internal, self._total = (*own, *allow_internal), total
        self._waited = self._requested_pause = 0.0
        self._client: BlockingHttpClient | None = None

    def __enter__(self) -> PoliteClient:
        from detector.net.blocking_client import BlockingHttpClient
        from detector.net.http_client import ClientPolicy

        host = urlsplit(self.base).hostname or ""
        policy = ClientPolicy(
            allow_internal=self._allow_internal,
            plain_http=() if self.access.token else (host,),
            timeout=60.0,
            total=self._total,
            max_bytes=MAX_PAGE_BYTES,
            max_redirects=MAX_REDIRECTS,
            environment_proxies=True,
            compression=True,
        )
        self._client = BlockingHttpClient(policy).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._client
        self._client.__exit__(kind, error, trace)

    def request(
        self, url: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", content: bytes = b""
    ) -> Reply:
        """Request *url* until there is an answer: wait for rate limits, repeat after errors.

        The status of the answer is 200 or 304. Raises `AnswerFailed`.
        """
        sent = {**self.headers, **(headers or {})}
        request = Request(method, url, tuple(sent.items()), content, follow=True)
        return self._insist(url, lambda client: client.send(request))

    def download(
        self,
        url: str,
        file: IO[bytes],
        digest: Digest | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_DOWNLOAD_BYTES,
    ) -> int:
        """Write what is at *url* into *file* and return its size in bytes. Raises `AnswerFailed`.

        What does not have the *digest* is no usable answer. *headers* are for the host of *url* alone.
        """

        def receive(client: BlockingHttpClient) -> Reply:
            file.seek(0)
            file.truncate()
            return self._follow(client, url, file, headers or {}, max_bytes)

        self._insist(url, receive)
        size = file.tell()
        self.received += size
        if digest is not None:
            found = hashlib.new(digest.kind, usedforsecurity=False)
            file.seek(0)
            while part := file.read(1 << 20):
                found.update(part)
            if not hmac.compare_digest(found.hexdigest(), digest.value):
                raise AnswerFailed(f"the content does not have the {digest.kind} that the server names")
        file.seek(0)
        return size

    def _follow(
        self, client: BlockingHttpClient, url: str, file: IO[bytes], headers: Mapping[str, str], max_bytes: int
    ) -> Reply:
        """Download *url*; a redirect may lead to another host, which gets none of our headers."""
        first = url
        for _ in range(MAX_REDIRECTS + 1):
            own = is_same_host(url, self.base)
            sent = {**(self.headers if own else {}), **(headers if is_same_host(url, first) else {})}
            sent["Accept"] = headers.get("Accept", "*/*")
            reply = client.download(Request("GET", url, tuple(sent.items())), file.write, max_bytes)
            target = reply.headers.get("location", "")
            if reply.status not in (*REDIRECTS, 303) or not target:
                return reply
            try:
                following = urljoin(url, target)
                parts = urlsplit(following)
                usable = parts.scheme in DEFAULT_PORTS and parts.username is None and bool(parts.hostname)
            except ValueError:
                usable = False
            if not usable:
                raise RequestFailed("is redirected to an address that cannot be used", sent=True)
            url = following
        raise RequestFailed("redirects have no end", sent=True)

    def _insist(self, url: str, ask: Callable[[BlockingHttpClient], Reply]) -> Reply:
        assert self._client
        tries = 0
        if self._requested_pause:
            self._wait(self._requested_pause, "rate limit")
            self._requested_pause = 0.0
        while True:
            log_step("page", url=url.partition("?")[0])
            tries += 1
            try:
                reply = ask(self._client)
            except RequestFailed as failure:
                if not failure.temporary:
                    raise AnswerFailed(str(failure)) from None
                if tries >= MAX_TRIES:
                    raise AnswerFailed(f"cannot be reached: {failure}") from None
                self._wait(_backoff(tries), "cannot be reached")
                continue
            self.received += len(reply.body)
            pause = _read_pause(reply)
            if _is_rate_limited(reply, pause):
                if tries > MAX_TRIES:
                    raise AnswerFailed("the rate limit does not end", reply.status)
                self._wait(60.0 * 2.0 ** (tries - 1) if pause is None else pause, "rate limit")
            elif reply.status in _SERVER_ERRORS:
                if tries >= MAX_TRIES:
                    raise AnswerFailed(f"the server has an error (HTTP {reply.status})", reply.status)
                self._wait(_backoff(tries) if pause is None else pause, f"HTTP {reply.status}")
            elif reply.status in (200, 206, 304):
                self._requested_pause = pause or 0.0
                return reply
            else:
                raise AnswerFailed(self._explain(reply), reply.status, reply.headers)

    def _wait(self, seconds: float, reason: str) -> None:
        """Wait; raises `AnswerFailed` if that takes too long."""
        seconds = max(seconds, 0.0)
        host = urlsplit(self.base).netloc
        if self._waited + seconds > self._max_wait:
            until = time.strftime("%H:%M UTC", time.gmtime(time.time() + seconds))
            raise AnswerFailed(f"{reason} until {until}; the next listing continues there", 429)
        if seconds > _NOTIFY_SECONDS:
            self._notify(f"{host}: {reason}, waiting {seconds:.0f} s")
        self._waited += seconds
        sleep(seconds)

    def _explain(self, reply: Reply) -> str:
        status, found = reply.status, reply.json()
        message = found.get("message") or found.get("error") if isinstance(found, dict) else None
        reason = f": {_make_line(self.access.redact(message))}" if isinstance(message, str) else ""
        if status == 401:
            return (
                f"the token is rejected (HTTP 401{reason})"
                if self.access.token
                else f"needs a token (HTTP 401{reason})"
            )
        if status == 404:
            return f"not found (HTTP 404{reason}){'' if self.access.token else self._missing_hint}"
        return f"HTTP {status}{reason}"


def open_client(site: Site) -> PoliteClient:
    """Return a client for *site* with the operator's token. Raises `UsageError`."""
    access = site.find_access()
    return PoliteClient(
        site.base,
        access,
        access.make_headers(),
        allow_internal=site.allow_internal,
        allow_base=site.is_named,
        total=DOWNLOAD_SECONDS,
    )


def is_same_host(url: str, base: str) -> bool:
    """Return whether *url* is on the host and port of *base*, with its scheme.

    >>> is_same_host("https://example.org:443/a", "https://example.org"), is_same_host("http://example.org", "https://example.org")
    (True, False)
    """
    try:
        one, other = urlsplit(url), urlsplit(base)
        return (one.scheme, one.hostname, _get_port(one)) == (other.scheme, other.hostname, _get_port(other))
    except ValueError:
        return False


def _get_port(parts: Any) -> int:
    return int(parts.port or DEFAULT_PORTS.get(parts.scheme, 0))


def _make_line(text: str, max_length: int = 160) -> str:
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: max_length + 1])
    return line if len(line) <= max_length else line[:max_length] + "…"


def _backoff(tries: int) -> float:
    """Return how many seconds to wait before the next try."""
    return 2.0 ** (tries - 1) * (0.5 + random())  # noqa: S311 - spreads retries


def _is_rate_limited(reply: Reply, pause: float | None) -> bool:
    """Return whether the server refuses because of a rate limit."""
    secondary = b"secondary rate limit" in reply.body.lower()
    return reply.status == 429 or (reply.status == 403 and (pause is not None or secondary))


def _read_pause(reply: Reply) -> float | None:
    """Return the seconds that the server asks us to wait, or None."""
    headers = reply.headers
    after = headers.get("retry-after", "").strip()
    if after.isdecimal() and len(after) < 10:
        return float(after)
    if after:
        try:
            return max(parsedate_to_datetime(after).timestamp() - read_server_time(reply), 0.0)
        except (ValueError, OverflowError):
            return 60.0
    for prefix in ("x-ratelimit", "ratelimit"):
        if headers.get(f"{prefix}-remaining", "").strip() == "0":
            reset = headers.get(f"{prefix}-reset", "").strip()
            if reset.isdecimal() and len(reset) < 13:
                return max(float(reset) - read_server_time(reply), 0.0) + 1.0
            return 60.0
    return None


def read_server_time(reply: Reply) -> float:
    """Return the server's time; its rate limits and versions depend on its clock."""
    try:
        return parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError, TypeError):
        return time.time()
