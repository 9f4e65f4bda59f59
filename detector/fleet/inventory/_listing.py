"""Turn the rows of a server's list into repository entries: which are taken, left out or rejected.

Servers differ in the names of their fields. The module of each server turns a row
into a `ListedRepository`; the rest is the same for all.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, LeftOut, RefusedRow, RepositoryEntry, RepositoryKind
from detector.fleet.inventory._api import ApiClient, Row
from detector.fleet.inventory._page_cache import Page
from detector.fleet.names import InvalidName, check_name, make_line, normalize_url
from detector.model import Skipped
from detector.net.polite_client import AnswerFailed


class ServerLocation(NamedTuple):
    """What to list on which server: ``https://git.example.org`` and ``team/app``."""

    site: str
    path: str

    @property
    def host(self) -> str:
        """The host, with the port unless it is the default one."""
        return urlsplit(self.site).netloc

    @property
    def quoted_path(self) -> str:
        """The path as one segment of a URL."""
        return quote(self.path, safe="")


class ListedRepository(NamedTuple):
    """One valid row: its entry, whether it has a wiki, and the API path of its snippets.

    A project may have a wiki and snippets but no repository.
    """

    entry: RepositoryEntry
    has_wiki: bool = False
    snippets_path: str = ""
    has_repository: bool = True


class LastPush(NamedTuple):
    """How a row tells when somebody pushed last.

    `field` is the field of the row, `read_at` the server's time when the row was
    read, and `settles_after` the seconds after which another push changes the field.
    """

    field: str
    read_at: float
    settles_after: float


def parse_location(text: str, kind: str, default_host: str = "") -> ServerLocation:
    """Return the location in a specification; without a server it is on *default_host*. Raises `UsageError`."""
    if "://" not in text:
        if not default_host:
            example = f"{kind}:https://git.example.org/team"
            raise UsageError(f"{kind}:{make_line(text)}: name the server, such as {example}")
        text = f"https://{default_host}/{text}"
    text = text.rstrip("/")
    is_whole_server = "/" not in text.partition("://")[2]
    try:
        parts = urlsplit(normalize_url(f"{text}/all" if is_whole_server else text))
    except InvalidName as error:
        raise UsageError(f"{kind}:{make_line(text.rpartition('@')[2])} {error}") from None
    if parts.scheme not in ("https", "http"):
        raise UsageError(f"{kind}:{make_line(text)}: the API of a server needs an https URL")
    path = "" if is_whole_server else parts.path.strip("/").removesuffix(".git")
    return ServerLocation(f"{parts.scheme}://{parts.netloc}", path)


# -- fields of a row -----------------------------------------------------------


def get_text(row: Row, field: str) -> str:
    """Return a field that must be a string; raises `InvalidName`."""
    value = row.get(field)
    if not isinstance(value, str):
        raise InvalidName(f"has no valid {field}")
    return value


def get_number(row: Row, field: str = "id") -> int:
    """Return a field that must be a positive integer; raises `InvalidName`."""
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 63:
        raise InvalidName(f"has no valid {field}")
    return value


def get_clone_url(row: Row, field: str, hosts: Iterable[str], site: str) -> str:
    """Return a clone URL on one of *hosts* with the scheme of *site*; raises `InvalidName`."""
    url = normalize_url(get_text(row, field))
    parts = urlsplit(url)
    if parts.netloc not in hosts:
        raise InvalidName(f"has a clone URL on another host ({make_line(parts.netloc, 80)})")
    if parts.scheme != urlsplit(site).scheme:
        raise InvalidName(f"has a clone URL with {parts.scheme}, but the server was named with {urlsplit(site).scheme}")
    return url


def get_default_branch(row: Row) -> str:
    """Return the default branch, or "" if the row has no valid one."""
    name = row.get("default_branch")
    return name if isinstance(name, str) and name.isprintable() and not name.startswith("-") else ""


def get_version(row: Row, push: LastPush, options: InventoryOptions) -> str:
    """Return the time of the last push as a version, or "" while it may stand for several pushes.

    A server records the time with a precision of one second or, like GitLab, at most
    once an hour. Once it is older than that, every further push changes it.
    """
    text = row.get(push.field)
    if options.pull_requests or not isinstance(text, str) or len(text) > 40:
        return ""
    try:
        pushed_at = timegm(datetime.fromisoformat(text).utctimetuple())
    except (ValueError, OverflowError):
        return ""
    return text if pushed_at + push.settles_after < push.read_at else ""


def make_entry(
    row: Row, server: ServerLocation, options: InventoryOptions, *, name: str, url: str, fork: object, push: LastPush
) -> RepositoryEntry:
    """Return the entry of a row; *name* and *url* are names of fields. Raises `InvalidName`."""
    return RepositoryEntry(
        key=f"{server.host}#{get_number(row)}",
        name=get_text(row, name),
        url=get_clone_url(row, url, (server.host,), server.site),
        archived=row.get("archived") is True,
        fork=bool(fork),
        default_branch=get_default_branch(row),
        version=get_version(row, push, options),
    )


def make_wiki_entry(entry: RepositoryEntry) -> RepositoryEntry:
    """Return the wiki that belongs to a repository."""
    url = f"{entry.url.removesuffix('.git')}.wiki.git"
    return entry._replace(
        key=f"{entry.key}.wiki",
        name=f"{entry.name}.wiki",
        url=url,
        kind=RepositoryKind.WIKI,
        default_branch="",
        version="",
    )


# -- lists ---------------------------------------------------------------------


def list_entries(
    api: ApiClient,
    where: str,
    url: str,
    fields: tuple[str, ...],
    parse_row: Callable[[Row, float], ListedRepository],
    options: InventoryOptions,
    list_snippets: Callable[[ApiClient, str, RepositoryEntry], Iterator[RepositoryEntry | Skipped]] | None = None,
    inner: str = "",
) -> Iterator[RepositoryEntry | Skipped]:
    """Yield what the pages from *url* on list. Raises `AnswerFailed` only for the first page."""
    left_out = {"forks": 0, "archived": 0, "without a repository": 0}
    for page in _read_pages(api, where, url, fields, inner):
        if isinstance(page, Skipped):
            yield page
            continue
        for row in page.rows:
            try:
                if not isinstance(row, dict):
                    raise InvalidName("is a row that is not an object")
                listed = parse_row(row, page.at)
                check_name(listed.entry.name)
            except InvalidName as error:
                yield RefusedRow(f"{where}: {_name_row(row)}", str(error))
                continue
            if reason := _find_exclusion(listed.entry, options):
                left_out[reason] += 1
                options.leave_out(LeftOut(listed.entry, reason))
                continue
            if listed.has_repository:
                yield listed.entry
            else:
                left_out["without a repository"] += 1
            if listed.has_wiki and options.wikis:
                yield make_wiki_entry(listed.entry)
            if listed.snippets_path and options.snippets and list_snippets:
                yield from list_snippets(api, listed.snippets_path, listed.entry)
    for reason, count in left_out.items():
        if count:
            hint = "" if reason == "without a repository" else " (listed on request)"
            yield Skipped(where, f"left out, {reason}: {count}{hint}", expected=True)


def _find_exclusion(entry: RepositoryEntry, options: InventoryOptions) -> str:
    """Return as what an entry is left out, or ""."""
    if entry.fork and not options.forks:
        return "forks"
    return "archived" if entry.archived and not options.archived else ""


def _read_pages(
    api: ApiClient, where: str, url: str, fields: tuple[str, ...], inner: str = ""
) -> Iterator[Page | Skipped]:
    """Yield the pages from *url* on; after a failure, the rest as the last complete listing had it."""
    next_url = url
    try:
        for page in api.pages(url, fields, inner):
            next_url = page.next
            yield page
    except AnswerFailed as error:
        cached = api.cached_pages(next_url)
        first = next(cached, None)
        if first is None and next_url == url:
            raise
        api.mark_incomplete()
        if first is None:
            yield Skipped(where, f"the list is incomplete: {error}")
            return
        yield Skipped(where, f"{error}; the rest is taken from the last complete list")
        yield first
        yield from cached


def read_rows(api: ApiClient, where: str, url: str, fields: tuple[str, ...]) -> Iterator[Row | Skipped]:
    """Yield the rows of all pages; failures are yielded as `Skipped`."""
    try:
        for page in _read_pages(api, where, url, fields):
            if isinstance(page, Skipped):
                yield page
            else:
                yield from (row for row in page.rows if isinstance(row, dict))
    except AnswerFailed as error:
        if error.status != 404:
            api.mark_incomplete()
        yield Skipped(where, str(error))


def _name_row(row: Any) -> str:
    for field in ("full_name", "path_with_namespace", "id"):
        if isinstance(row, dict) and isinstance(row.get(field), str | int):
            return make_line(str(row[field]), 100)
    return "a repository"
