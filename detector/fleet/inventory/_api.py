"""Pages of a server's API, asked for politely and remembered.

A page that was read is written down at once, with the server's mark for its
version (ETag). A listing that was broken off goes on behind the last page it
has read; a later one asks for each page with the mark, and an unchanged page
costs the server nothing and us no quota. When the server cannot be listed any
further, the rest is taken from the last listing that came to its end.

The token goes to one host. Redirects and links to pages are followed on that
host only, whatever the server says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from hashlib import sha256
from random import random
from time import sleep
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from detector.fleet.credentials import Access
from detector.fleet.inventory import Options
from detector.fleet.inventory._names import shown
from detector.log import step
from detector.net.failures import RequestFailed
from detector.net.http_client import Reply, Request, resolve_on_same_host

if TYPE_CHECKING:
    from detector.net.blocking_client import BlockingHttpClient

MAX_PAGE = 64 << 20
MAX_PAGES = 50_000
MAX_REDIRECTS = 5
TRIES = 5
RESUMES_WITHIN = 6 * 3600.0
"""Seconds after which a listing that was broken off begins anew."""

_WORTH_TELLING = 5.0
_TROUBLE = (500, 502, 503, 504, 520, 522, 524)

Row = Mapping[str, Any]


class Failed(Exception):
    """The server gave no answer that can be used; `str()` says why in one line. `status` is 0 without an answer."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class Page(NamedTuple):
    """The rows of one page, with the server's time (seconds since 1970) when they were read."""

    rows: list[Any]
    at: float
    next: str = ""
    etag: str = ""


class Api:
    """The API at *base*, asked as *access* says; a context manager. *listing* names what is remembered together."""

    def __init__(self, base: str, access: Access, headers: Mapping[str, str], listing: str, options: Options) -> None:
        self.base = base
        self.access = access
        self._headers = headers
        self._options = options
        self._waited = self._pause = 0.0
        self._complete = True
        self._memory = _Memory(options.cache, listing)
        self._client: BlockingHttpClient | None = None

    def __enter__(self) -> Api:
        from detector.net.blocking_client import BlockingHttpClient
        from detector.net.http_client import ClientPolicy

        host = urlsplit(self.base).hostname or ""
        policy = ClientPolicy(
            allow_internal=(host,),
            plain_http=() if self.access.token else (host,),
            timeout=60.0,
            total=600.0,
            max_bytes=MAX_PAGE,
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
        self._memory.close()

    def broke_off(self) -> None:
        """Say that something of the listing is missing, so that the one before stays the one to fall back on."""
        self._complete = False

    def finished(self) -> None:
        """Say that the listing came to its end: unless it broke off, it is from now on the one to fall back on."""
        if self._complete:
            self._memory.finish()

    def url(self, path: str, **query: str | int) -> str:
        """Return the URL of *path*, whose parts are quoted already."""
        return f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")

    def pages(self, url: str, fields: tuple[str, ...], inner: str = "") -> Iterator[Page]:
        """Yield the pages from *url* on; of each row only *fields* are kept. *inner* names the list in the answer.

        Raises `Failed` where it cannot go on.
        """
        seen: set[str] = set()
        while url:
            if url in seen or len(seen) > MAX_PAGES:
                raise Failed("the links to further pages have no end")
            seen.add(url)
            page = self._memory.begun(url)
            if page is None:
                known = self._memory.done(url)
                page = self._page(url, fields, inner, known)
                self._memory.write(url, page)
            yield page
            url = page.next

    def remembered(self, url: str) -> Iterator[Page]:
        """Yield the pages from *url* on as the last listing that came to its end had them."""
        seen: set[str] = set()
        while url and url not in seen:
            seen.add(url)
            page = self._memory.done(url)
            if page is None:
                return
            yield page
            url = page.next

    def one(self, url: str, fields: tuple[str, ...]) -> Row:
        """Return one object, if need be as it was the last time. Raises `Failed`."""
        try:
            rows = next(self.pages(url, fields)).rows
        except Failed as failed:
            page = self._memory.done(url)
            if page is None or failed.status == 404:
                raise
            rows = page.rows
        if not rows or not isinstance(rows[0], dict):
            raise Failed("the answer is not what the API should send")
        return rows[0]

    def _page(self, url: str, fields: tuple[str, ...], inner: str, known: Page | None) -> Page:
        # A mark is for the rows of a page. Of the last page it does not say that there is still none behind it.
        headers = {"If-None-Match": known.etag} if known and known.etag and known.next else {}
        reply = self._ask(url, headers)
        at = _server_time(reply)
        if reply.status == 304 and known:
            step("page-unchanged", url=url)
            return known._replace(at=at)
        try:
            found = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise Failed("the answer is no JSON") from None
        if inner and isinstance(found, dict):
            found = found.get(inner)
        rows = [found] if isinstance(found, dict) else found
        if not isinstance(rows, list):
            raise Failed("the answer is not what the API should send")
        kept = [{name: row.get(name) for name in fields} if isinstance(row, dict) else None for row in rows]
        link = _next_link(reply)
        return Page(kept, at, self._own(link, url) if link else "", reply.headers.get("etag", ""))

    def _own(self, link: str, url: str) -> str:
        """Return the URL of *link* if it stays on our server. Raises `Failed`."""
        try:
            return resolve_on_same_host(link, url)
        except RequestFailed as failure:
            raise Failed(str(failure)) from None

    def _ask(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Ask until there is an answer: waits for rate limits, asks again after trouble."""
        assert self._client
        tries = 0
        if self._pause:
            self._wait(self._pause, "rate limit")
            self._pause = 0.0
        request = Request("GET", url, tuple({**self._headers, **headers}.items()), follow=True)
        while True:
            step("page", url=url)
            try:
                reply = self._client.send(request)
            except RequestFailed as failure:
                tries += 1
                if not failure.temporary:
                    raise Failed(str(failure)) from None
                if tries >= TRIES:
                    raise Failed(f"cannot be reached: {failure}") from None
                self._wait(2.0 ** (tries - 1) * (0.5 + random()), "cannot be reached")  # noqa: S311 - spreads retries
                continue
            pause = _pause(reply)
            if _is_limited(reply, pause):
                tries += 1
                if tries > TRIES:
                    raise Failed("the rate limit does not end", reply.status)
                self._wait(60.0 * 2.0 ** (tries - 1) if pause is None else pause, "rate limit")
            elif reply.status in _TROUBLE:
                tries += 1
                if tries >= TRIES:
                    raise Failed(f"the server is in trouble (HTTP {reply.status})", reply.status)
                usual = 2.0 ** (tries - 1) * (0.5 + random())  # noqa: S311 - spreads retries
                self._wait(usual if pause is None else pause, f"HTTP {reply.status}")
            elif reply.status in (200, 304):
                self._pause = pause or 0.0
                return reply
            else:
                raise Failed(self._why(reply), reply.status)

    def _wait(self, seconds: float, why: str) -> None:
        """Wait, or say that it would take too long."""
        seconds = max(seconds, 0.0)
        host = urlsplit(self.base).netloc
        if self._waited + seconds > self._options.longest_wait:
            until = time.strftime("%H:%M UTC", time.gmtime(time.time() + seconds))
            raise Failed(f"{why}: asked again from {until} on; the next listing goes on there", 429)
        if seconds > _WORTH_TELLING:
            self._options.tell(f"{host}: {why}, waiting {seconds:.0f} s")
        self._waited += seconds
        sleep(seconds)

    def _why(self, reply: Reply) -> str:
        status, found = reply.status, reply.json()
        said = found.get("message") or found.get("error") if isinstance(found, dict) else None
        reason = f": {shown(self.access.hide(said), 160)}" if isinstance(said, str) else ""
        if status == 401:
            return f"the token is refused (HTTP 401{reason})"
        if status == 404:
            hint = "" if self.access.token else "; without a token only public ones are seen"
            return f"not found (HTTP 404{reason}){hint}"
        return f"HTTP {status}{reason}"


def _next_link(reply: Reply) -> str:
    """Return the URL of the next page in the answer's Link header, or the empty text."""
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", reply.headers.get("link", "")):
        if re.search(r';\s*rel="?next"?\s*(?:[;,]|$)', parameters):
            return str(target)
    return ""


def _is_limited(reply: Reply, pause: float | None) -> bool:
    """Tell whether the server refuses because of a rate limit."""
    secondary = b"secondary rate limit" in reply.body.lower()
    return reply.status == 429 or (reply.status == 403 and (pause is not None or secondary))


def _pause(reply: Reply) -> float | None:
    """Return the seconds that the server wants us to wait, None if it does not."""
    headers = reply.headers
    after = headers.get("retry-after", "").strip()
    if after.isdecimal() and len(after) < 10:
        return float(after)
    if after:
        try:
            return max(parsedate_to_datetime(after).timestamp() - _server_time(reply), 0.0)
        except (ValueError, OverflowError):
            return 60.0
    for start in ("x-ratelimit", "ratelimit"):
        if headers.get(f"{start}-remaining", "").strip() == "0":
            reset = headers.get(f"{start}-reset", "").strip()
            if reset.isdecimal() and len(reset) < 13:
                return max(float(reset) - _server_time(reply), 0.0) + 1.0
            return 60.0
    return None


def _server_time(reply: Reply) -> float:
    """Return the server's time; its rate limits and versions are by its clock."""
    try:
        return parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError, TypeError):
        return time.time()


class _Memory:
    """Pages on disk: those of the listing that is under way, and those of the last that came to its end.

    Only where the pages are in the files is held in memory. Two listings at
    once do not share a file: the second remembers nothing.
    """

    def __init__(self, folder: str, listing: str) -> None:
        self._path = ""
        self._begun = self._done = _Lines.none()
        if not folder:
            return
        import fcntl

        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, f"{sha256(listing.encode()).hexdigest()[:24]}.jsonl")
        fd = os.open(f"{path}.part", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(fd, "r+b")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return
        if time.time() - os.fstat(fd).st_mtime > RESUMES_WITHIN:
            if not os.path.exists(path):  # better than nothing: its marks save asking for these pages in full
                shutil.copyfile(f"{path}.part", path)
            file.truncate(0)
        self._path = path
        self._begun = _Lines(file)
        if os.path.exists(path):
            self._done = _Lines(open(path, "rb"))  # noqa: SIM115 - closed with the memory

    def begun(self, url: str) -> Page | None:
        """Return the page as the listing that goes on now has read it."""
        return self._begun.page(url)

    def done(self, url: str) -> Page | None:
        """Return the page as the last complete listing had it."""
        return self._done.page(url)

    def write(self, url: str, page: Page) -> None:
        """Remember a page of this listing."""
        if self._path:
            self._begun.append(url, page)

    def finish(self) -> None:
        """Make this listing the last complete one."""
        if self._path:
            os.replace(f"{self._path}.part", self._path)

    def close(self) -> None:
        """Close the files."""
        self._begun.close()
        self._done.close()


class _Lines:
    """A file with a page on each line, found by URL. A line that was torn by a crash is written over."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file: IO[bytes] | None = file
        self._places: dict[str, int] = {}
        end = 0
        for line in file:
            url, page = _parsed(line)
            if page is None:
                break
            self._places[url] = end
            end += len(line)
        self._end = end
        if file.writable():
            file.truncate(end)

    @classmethod
    def none(cls) -> _Lines:
        """Return lines that are not there."""
        import io

        return cls(io.BytesIO())

    def page(self, url: str) -> Page | None:
        """Return the page at *url*, if it is there."""
        place = self._places.get(url)
        if place is None or self._file is None:
            return None
        self._file.seek(place)
        return _parsed(self._file.readline())[1]

    def append(self, url: str, page: Page) -> None:
        """Write a page behind the others."""
        assert self._file
        self._file.seek(self._end)
        line = json.dumps({"url": url, **page._asdict()}).encode() + b"\n"
        self._file.write(line)
        self._file.flush()
        self._places[url] = self._end
        self._end += len(line)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


def _parsed(line: bytes) -> tuple[str, Page | None]:
    if not line.endswith(b"\n"):
        return "", None
    try:
        found = json.loads(line)
        page = Page(list(found["rows"]), float(found["at"]), str(found["next"]), str(found["etag"]))
        return str(found["url"]), page
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", None
