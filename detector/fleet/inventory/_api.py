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
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from detector.fleet.inventory import InventoryOptions
from detector.fleet.inventory._page_cache import Page, PageCache
from detector.log import log_step
from detector.net.failures import RequestFailed
from detector.net.host_access import HostAccess
from detector.net.http_client import Reply, resolve_on_same_host
from detector.net.polite_client import AnswerFailed, PoliteClient, read_server_time

MAX_PAGES = 50_000

Row = Mapping[str, Any]


class ApiClient:
    """A client for the API at *base*; a context manager. *listing* is the name under which its pages are cached."""

    def __init__(
        self, base: str, access: HostAccess, headers: Mapping[str, str], listing: str, options: InventoryOptions
    ) -> None:
        self.base = base
        self.access = access
        self._is_complete = True
        self._cache = PageCache(options.cache, listing)
        hint = "; without a token only public repositories are listed"
        self._client = PoliteClient(
            base, access, headers, max_wait=options.max_wait, notify=options.notify, missing_hint=hint
        )

    def __enter__(self) -> ApiClient:
        self._client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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

        *inner* is the field of the answer that contains the list. Raises `AnswerFailed`.
        """
        visited: set[str] = set()
        while url:
            if url in visited or len(visited) > MAX_PAGES:
                raise AnswerFailed("the links to further pages do not end")
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
        """Return one object, if necessary from the cache. Raises `AnswerFailed`."""
        try:
            rows = next(self.pages(url, fields)).rows
        except AnswerFailed as error:
            page = self._cache.find_complete(url)
            if page is None or error.status == 404:
                raise
            rows = page.rows
        if not rows or not isinstance(rows[0], dict):
            raise AnswerFailed("the answer does not have the expected form")
        return rows[0]

    def _read_page(self, url: str, fields: tuple[str, ...], inner: str, known: Page | None) -> Page:
        # An ETag covers the rows of a page. It does not say that the last page is still the last one.
        headers = {"If-None-Match": known.etag} if known and known.etag and known.next else {}
        reply = self._client.request(url, headers)
        at = read_server_time(reply)
        if reply.status == 304 and known:
            log_step("page-unchanged", url=url)
            return known._replace(at=at)
        try:
            found = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise AnswerFailed("the answer is not JSON") from None
        if inner and isinstance(found, dict):
            found = found.get(inner)
        rows = [found] if isinstance(found, dict) else found
        if not isinstance(rows, list):
            raise AnswerFailed("the answer does not have the expected form")
        kept = [{name: row.get(name) for name in fields} if isinstance(row, dict) else None for row in rows]
        link = _find_next_link(reply)
        return Page(kept, at, self._check_link(link, url) if link else "", reply.headers.get("etag", ""))

    def _check_link(self, link: str, url: str) -> str:
        """Return the URL of *link* if it stays on our server. Raises `AnswerFailed`."""
        try:
            return resolve_on_same_host(link, url)
        except RequestFailed as failure:
            raise AnswerFailed(str(failure)) from None


def _find_next_link(reply: Reply) -> str:
    """Return the URL of the next page in the Link header, or ""."""
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", reply.headers.get("link", "")):
        if re.search(r';\s*rel="?next"?\s*(?:[;,]|$)', parameters):
            return str(target)
    return ""
