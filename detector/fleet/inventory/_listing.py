"""From the rows of a server's list to entries: what is taken, left out or refused.

The servers differ in the names of their fields; a kind says which row means
which `Listed`. What a row may contain, and what is told of it, is the same for all.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from detector.errors import UsageError
from detector.fleet.inventory import Entry, Options
from detector.fleet.inventory._api import Api, Failed, Page, Row
from detector.fleet.inventory._names import Refused, plain_name, plain_url, shown
from detector.model import Skipped


class Place(NamedTuple):
    """Where on which server to look: ``https://git.example.org`` and ``team/app``."""

    site: str
    path: str

    @property
    def host(self) -> str:
        """The host, with its port unless it is the usual one."""
        return urlsplit(self.site).netloc

    @property
    def quoted(self) -> str:
        """The path as one segment of a URL."""
        return quote(self.path, safe="")


class Listed(NamedTuple):
    """One row that can be used: its entry, whether it has a wiki, the path under which its snippets are listed.

    A project may have these and no `repository`.
    """

    entry: Entry
    wiki: bool = False
    snippets: str = ""
    repository: bool = True


def place_of(text: str, kind: str, usual: str = "") -> Place:
    """Read the place in a specification; *usual* is the host where none is named. Raises `UsageError`."""
    if "://" not in text:
        if not usual:
            raise UsageError(f"{kind}:{shown(text)}: name the server, such as {kind}:https://git.example.org/team")
        text = f"https://{usual}/{text}"
    text = text.rstrip("/")
    whole = "/" not in text.partition("://")[2]
    try:
        parts = urlsplit(plain_url(f"{text}/all" if whole else text))
    except Refused as refused:
        raise UsageError(f"{kind}:{shown(text.rpartition('@')[2])} {refused}") from None
    if parts.scheme not in ("https", "http"):
        raise UsageError(f"{kind}:{shown(text)}: the server's API is reached over https")
    return Place(f"{parts.scheme}://{parts.netloc}", "" if whole else parts.path.strip("/").removesuffix(".git"))


def text_of(row: Row, field: str, usual: str | None = None) -> str:
    """Return a field that must be text; raises `Refused`."""
    value = row.get(field)
    if value is None and usual is not None:
        return usual
    if not isinstance(value, str):
        raise Refused(f"comes without a {field} that can be used")
    return value


def number_of(row: Row, field: str = "id") -> int:
    """Return a field that must be a whole number above 0; raises `Refused`."""
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 63:
        raise Refused(f"comes without a {field} that can be used")
    return value


def own_url(row: Row, field: str, hosts: Iterable[str], site: str) -> str:
    """Return a clone's URL that leads to one of *hosts* as *site* does; raises `Refused`."""
    url = plain_url(text_of(row, field))
    parts = urlsplit(url)
    if parts.netloc not in hosts:
        raise Refused(f"is to be cloned from another host ({shown(parts.netloc, 80)}), which nobody named")
    if parts.scheme != urlsplit(site).scheme:
        raise Refused(f"is to be cloned over {parts.scheme}, the server was named with {urlsplit(site).scheme}")
    return url


def branch_of(row: Row) -> str:
    """Return the default branch, "" if the row names none that can be one."""
    name = row.get("default_branch")
    return name if isinstance(name, str) and name.isprintable() and not name.startswith("-") else ""


def version_of(row: Row, field: str, at: float, settles: float, options: Options) -> str:
    """Return the time of the last push as a version, "" while it may stand for several pushes.

    A server notes the time with a second's precision or, like GitLab, not more
    often than once an hour. Once it is *settles* seconds old, any further push
    changes it.
    """
    text = row.get(field)
    if options.pulls or not isinstance(text, str) or len(text) > 40:
        return ""
    try:
        when = timegm(datetime.fromisoformat(text).utctimetuple())
    except (ValueError, OverflowError):
        return ""
    return text if when + settles < at else ""


def entry_of(
    row: Row, place: Place, options: Options, *, name: str, url: str, fork: object, version: tuple[str, float, float]
) -> Entry:
    """Return the repository of a row; raises `Refused`.

    *name* and *url* are fields; *version* is the field with the time of the last
    push, the time when the row was read, and the seconds after which it settles.
    """
    return Entry(
        key=f"{place.host}#{number_of(row)}",
        name=text_of(row, name),
        url=own_url(row, url, (place.host,), place.site),
        archived=row.get("archived") is True,
        fork=bool(fork),
        default_branch=branch_of(row),
        version=version_of(row, *version, options),
    )


def wiki_of(entry: Entry) -> Entry:
    """Return the wiki that lies next to a repository."""
    url = f"{entry.url.removesuffix('.git')}.wiki.git"
    return entry._replace(
        key=f"{entry.key}.wiki", name=f"{entry.name}.wiki", url=url, kind="wiki", default_branch="", version=""
    )


def listed(
    api: Api,
    where: str,
    url: str,
    fields: tuple[str, ...],
    read: Callable[[Row, float], Listed],
    options: Options,
    snippets: Callable[[Api, str, Entry], Iterator[Entry | Skipped]] | None = None,
    inner: str = "",
) -> Iterator[Entry | Skipped]:
    """Yield what the pages from *url* on list. Raises `Failed` only for the first page."""
    left = {"forks": 0, "archived": 0, "without a repository": 0}
    for page in _or_as_it_was(api, where, url, fields, inner):
        if isinstance(page, Skipped):
            yield page
            continue
        for row in page.rows:
            try:
                if not isinstance(row, dict):
                    raise Refused("a row is no object")
                found = read(row, page.at)
                plain_name(found.entry.name)
            except Refused as refused:
                yield Skipped(f"{where}: {_name_of(row)}", str(refused))
                continue
            entry = found.entry
            if (entry.fork and not options.forks) or (entry.archived and not options.archived):
                left["forks" if entry.fork and not options.forks else "archived"] += 1
                continue
            if found.repository:
                yield entry
            else:
                left["without a repository"] += 1
            if found.wiki and options.wikis:
                yield wiki_of(entry)
            if found.snippets and options.snippets and snippets:
                yield from snippets(api, found.snippets, entry)
    for what, count in left.items():
        if count:
            asked = "" if what == "without a repository" else " (listed on request)"
            yield Skipped(where, f"left out, {what}: {count}{asked}", expected=True)


def _or_as_it_was(api: Api, where: str, url: str, fields: tuple[str, ...], inner: str = "") -> Iterator[Page | Skipped]:
    """Yield the pages; from where that fails, as they were listed the last time."""
    following = url
    try:
        for page in api.pages(url, fields, inner):
            following = page.next
            yield page
    except Failed as failed:
        older = api.remembered(following)
        first = next(older, None)
        if first is None and following == url:
            raise
        api.broke_off()
        if first is None:
            yield Skipped(where, f"the list breaks off: {failed}")
            return
        yield Skipped(where, f"{failed}; the rest is taken from the last complete list")
        yield first
        yield from older


def rows_of(api: Api, where: str, url: str, fields: tuple[str, ...]) -> Iterator[Row | Skipped]:
    """Yield the rows of pages as they are; what fails is told."""
    try:
        for page in _or_as_it_was(api, where, url, fields):
            if isinstance(page, Skipped):
                yield page
            else:
                yield from (row for row in page.rows if isinstance(row, dict))
    except Failed as failed:
        if failed.status != 404:
            api.broke_off()
        yield Skipped(where, str(failed))


def _name_of(row: Any) -> str:
    for field in ("full_name", "path_with_namespace", "id"):
        if isinstance(row, dict) and isinstance(row.get(field), str | int):
            return shown(str(row[field]), 100)
    return "a repository"
