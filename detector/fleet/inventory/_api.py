"""The pages of a server's API: read within its rate limits, and cached.

Each page is stored when it was read, with its ETag. An interrupted listing
continues after the last page that it has read. A later listing requests each page
with its ETag, so an unchanged page uses neither the server's time nor our quota.
If the listing fails, the rest is taken from the last complete one.

The token is sent to one host. Redirects and links to pages are followed only on
that host.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from random import random
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from detector.fleet.credentials import HostAccess
from detector.fleet.inventory import InventoryOptions
from detector.fleet.inventory._page_cache import Page, PageCache
from detector.fleet.names import make_line
from detector.log import log_step
from detector.net.failures import RequestFailed
from detector.net.http_client import Reply, Request, resolve_on_same_host

if TYPE_CHECKING:
    from detector.net.blocking_client import BlockingHttpClient

MAX_PAGE_BYTES = 64 << 20
MAX_PAGES = 50_000
MAX_REDIRECTS = 5
MAX_TRIES = 5

_NOTIFY_SECONDS = 5.0
"""Waits longer than this are announced."""

_SERVER_ERRORS = (500, 502, 503, 504, 520, 522, 524)

Row = Mapping[str, Any]


class ListingFailed(Exception):
    """The server gave no usable answer; the message is one line. `status` is 0 without an answer."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


class ApiClient:
    """A client for the API at *base*; a context manager. *listing* is the name under which its pages are cached."""

    def __init__(
        self, base: str, access: HostAccess, headers: Mapping[str, str], listing: str, options: InventoryOptions
    ) -> None:
        self.base = base
        self.access = access
        self._headers = headers
        self._options = options
        self._waited = self._requested_pause = 0.0
        self._is_complete = True
        self._cache = PageCache(options.cache, listing)
        self._client: BlockingHttpClient | None = None

    def __enter__(self) -> ApiClient:
        from detector.net.blocking_client import BlockingHttpClient
        from detector.net.http_client import ClientPolicy

        host = urlsplit(self.base).hostname or ""
        policy = ClientPolicy(
            allow_internal=(host,),
            plain_http=() if self.access.token else (host,),
            timeout=60.0,
            total=600.0,
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
        self._cache.close()

    def mark_incomplete(self) -> None:
        """Record that parts of this listing are missing: the last complete one stays in the cache."""
        self._is_complete = False

    def finish(self) -> None:
        """End the listing. It becomes the last complete one unless parts are missing."""
        if self._is_complete:
            self._cache.finish()

    def url(self, path: str, **query: str | int) -> str:
        """Return the URL of *path*, whose parts are already quoted."""
        return f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")

    def pages(self, url: str, fields: tuple[str, ...], inner: str = "") -> Iterator[Page]:
        """Yield the pages from *url* on; of each row only *fields* are kept.

        *inner* is the field of the answer that contains the list. Raises `ListingFailed`.
        """
        visited: set[str] = set()
        while url:
            if url in visited or len(visited) > MAX_PAGES:
                raise ListingFailed("the links to further pages do not end")
            visited.add(url)
            page = self._cache.find_running(url)
            if page is None:
                page = self._read_page(url, fields, inner, self._cache.find_complete(url))
                self._cache.add(url, page)
            yield page
            url = page.next

    def cached_pages(self, url: str) -> Iterator[Page]:
        """Yield the pages from *url* on as the last complete listing read them."""
        visited: set[str] = set()
        while url and url not in visited:
            visited.add(url)
            page = self._cache.find_complete(url)
            if page is None:
                return
            yield page
            url = page.next

    def get_object(self, url: str, fields: tuple[str, ...]) -> Row:
        """Return one object, if necessary from the cache. Raises `ListingFailed`."""
        try:
            rows = next(self.pages(url, fields)).rows
        except ListingFailed as error:
            page = self._cache.find_complete(url)
            if page is None or error.status == 404:
                raise
            rows = page.rows
        if not rows or not isinstance(rows[0], dict):
            raise ListingFailed("the answer does not have the expected form")
        return rows[0]

    def _read_page(self, url: str, fields: tuple[str, ...], inner: str, known: Page | None) -> Page:
        # An ETag covers the rows of a page. It does not say that the last page is still the last one.
        headers = {"If-None-Match": known.etag} if known and known.etag and known.next else {}
        reply = self._request(url, headers)
        at = _read_server_time(reply)
        if reply.status == 304 and known:
            log_step("page-unchanged", url=url)
            return known._replace(at=at)
        try:
            found = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise ListingFailed("the answer is not JSON") from None
        if inner and isinstance(found, dict):
            found = found.get(inner)
        rows = [found] if isinstance(found, dict) else found
        if not isinstance(rows, list):
            raise ListingFailed("the answer does not have the expected form")
        kept = [{name: row.get(name) for name in fields} if isinstance(row, dict) else None for row in rows]
        link = _find_next_link(reply)
        return Page(kept, at, self._check_link(link, url) if link else "", reply.headers.get("etag", ""))

    def _check_link(self, link: str, url: str) -> str:
        """Return the URL of *link* if it stays on our server. Raises `ListingFailed`."""
        try:
            return resolve_on_same_host(link, url)
        except RequestFailed as failure:
            raise ListingFailed(str(failure)) from None

    def _request(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Request *url* until there is an answer: wait for rate limits, repeat after errors."""
        assert self._client
        tries = 0
        if self._requested_pause:
            self._wait(self._requested_pause, "rate limit")
            self._requested_pause = 0.0
        request = Request("GET", url, tuple({**self._headers, **headers}.items()), follow=True)
        while True:
            log_step("page", url=url)
            tries += 1
            try:
                reply = self._client.send(request)
            except RequestFailed as failure:
                if not failure.temporary:
                    raise ListingFailed(str(failure)) from None
                if tries >= MAX_TRIES:
                    raise ListingFailed(f"cannot be reached: {failure}") from None
                self._wait(_backoff(tries), "cannot be reached")
                continue
            pause = _read_pause(reply)
            if _is_rate_limited(reply, pause):
                if tries > MAX_TRIES:
                    raise ListingFailed("the rate limit does not end", reply.status)
                self._wait(60.0 * 2.0 ** (tries - 1) if pause is None else pause, "rate limit")
            elif reply.status in _SERVER_ERRORS:
                if tries >= MAX_TRIES:
                    raise ListingFailed(f"the server has an error (HTTP {reply.status})", reply.status)
                self._wait(_backoff(tries) if pause is None else pause, f"HTTP {reply.status}")
            elif reply.status in (200, 304):
                self._requested_pause = pause or 0.0
                return reply
            else:
                raise ListingFailed(self._explain(reply), reply.status)

    def _wait(self, seconds: float, reason: str) -> None:
        """Wait; raises `ListingFailed` if that takes too long."""
        seconds = max(seconds, 0.0)
        host = urlsplit(self.base).netloc
        if self._waited + seconds > self._options.max_wait:
            until = time.strftime("%H:%M UTC", time.gmtime(time.time() + seconds))
            raise ListingFailed(f"{reason} until {until}; the next listing continues there", 429)
        if seconds > _NOTIFY_SECONDS:
            self._options.notify(f"{host}: {reason}, waiting {seconds:.0f} s")
        self._waited += seconds
        sleep(seconds)

    def _explain(self, reply: Reply) -> str:
        status, found = reply.status, reply.json()
        message = found.get("message") or found.get("error") if isinstance(found, dict) else None
        reason = f": {make_line(self.access.redact(message), 160)}" if isinstance(message, str) else ""
        if status == 401:
            return f"the token is rejected (HTTP 401{reason})"
        if status == 404:
            hint = "" if self.access.token else "; without a token only public repositories are listed"
            return f"not found (HTTP 404{reason}){hint}"
        return f"HTTP {status}{reason}"


def _backoff(tries: int) -> float:
    """Return how many seconds to wait before the next try."""
    return 2.0 ** (tries - 1) * (0.5 + random())  # noqa: S311 - spreads retries


def _find_next_link(reply: Reply) -> str:
    """Return the URL of the next page in the Link header, or ""."""
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", reply.headers.get("link", "")):
        if re.search(r';\s*rel="?next"?\s*(?:[;,]|$)', parameters):
            return str(target)
    return ""


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
            return max(parsedate_to_datetime(after).timestamp() - _read_server_time(reply), 0.0)
        except (ValueError, OverflowError):
            return 60.0
    for prefix in ("x-ratelimit", "ratelimit"):
        if headers.get(f"{prefix}-remaining", "").strip() == "0":
            reset = headers.get(f"{prefix}-reset", "").strip()
            if reset.isdecimal() and len(reset) < 13:
                return max(float(reset) - _read_server_time(reply), 0.0) + 1.0
            return 60.0
    return None


def _read_server_time(reply: Reply) -> float:
    """Return the server's time; its rate limits and versions depend on its clock."""
    try:
        return parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError, TypeError):
        return time.time()
