"""The repositories of an organisation or user on Gitea or Forgejo, or of a whole server.

``gitea:https://codeberg.org/acme``, ``gitea:https://git.example.org``.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from detector.fleet.inventory import InventoryOptions, RepositoryEntry
from detector.fleet.inventory._api import ApiClient, Row
from detector.fleet.inventory._listing import (
    LastPush,
    ListedRepository,
    ServerLocation,
    list_entries,
    make_entry,
    parse_location,
)
from detector.model import Skipped
from detector.net.host_access import HostAccess, find_access
from detector.net.polite_client import AnswerFailed

FIELDS = ("id", "full_name", "clone_url", "archived", "fork", "default_branch", "updated_at", "has_wiki")
PAGE_ROWS = 50
"""The most rows of a page that a server allows by default."""

SETTLES_AFTER = 300.0
"""Seconds after which another push changes ``updated_at``."""


def list_repositories(location: str, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    """Return the repositories at *location*. Raises `UsageError` if it names no server."""
    server = parse_location(location, "gitea")
    return _list(server, find_access(server.site, options.operator), options)


def _list(server: ServerLocation, access: HostAccess, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    where = f"{server.host}/{server.path}"

    def parse_row(row: Row, at: float) -> ListedRepository:
        push = LastPush("updated_at", at, SETTLES_AFTER)
        fork = row.get("fork")
        entry = make_entry(row, server, options, name="full_name", url="clone_url", fork=fork, push=push)
        return ListedRepository(entry, row.get("has_wiki") is True)

    headers = access.make_headers("token")
    with ApiClient(f"{server.site}/api/v1", access, headers, f"gitea {where}", options) as api:
        failure: AnswerFailed | None = None
        for url, inner in _find_lists(api, server):
            chosen = options._replace(forks=True, archived=True) if "/" in server.path else options
            try:
                yield from list_entries(api, where, url, FIELDS, parse_row, chosen, inner=inner)
                api.finish()
                return
            except AnswerFailed as error:
                failure = error
                if error.status != 404:
                    break
        yield Skipped(where, str(failure))


def _find_lists(api: ApiClient, server: ServerLocation) -> Iterator[tuple[str, str]]:
    """Yield the URLs that may list the repositories, each with the field of the answer that holds the list."""
    owner = quote(server.path)
    if not server.path:
        yield api.url("/repos/search", sort="id", order="asc", limit=PAGE_ROWS), "data"
    elif "/" in server.path:
        yield api.url(f"/repos/{owner}"), ""
    else:
        yield api.url(f"/orgs/{owner}/repos", limit=PAGE_ROWS), ""
        yield api.url(f"/users/{owner}/repos", limit=PAGE_ROWS), ""
