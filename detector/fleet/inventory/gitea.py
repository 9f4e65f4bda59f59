"""The repositories of an organisation or user on Gitea or Forgejo, or of a whole server.

``gitea:https://codeberg.org/acme``, ``gitea:https://git.example.org``.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from detector.fleet.credentials import Access, access
from detector.fleet.inventory import Entry, Options
from detector.fleet.inventory._api import Api, Failed, Row
from detector.fleet.inventory._listing import (
    Listed,
    Place,
    entry_of,
    listed,
    place_of,
)
from detector.model import Skipped

FIELDS = ("id", "full_name", "clone_url", "archived", "fork", "default_branch", "updated_at", "has_wiki")
MOST = 50
"""More rows a page are not given by default."""

SETTLES = 300.0


def entries(place: str, options: Options) -> Iterator[Entry | Skipped]:
    """List *place*. Raises `UsageError` if it names no server."""
    where = place_of(place, "gitea")
    return _entries(where, access(where.site, options.operator), options)


def _entries(place: Place, allowed: Access, options: Options) -> Iterator[Entry | Skipped]:
    name = f"{place.host}/{place.path}"

    def read(row: Row, at: float) -> Listed:
        pushed = "updated_at", at, SETTLES
        fork = row.get("fork")
        entry = entry_of(row, place, options, name="full_name", url="clone_url", fork=fork, version=pushed)
        return Listed(entry, row.get("has_wiki") is True)

    with Api(f"{place.site}/api/v1", allowed, allowed.headers("token"), f"gitea {name}", options) as api:
        trouble: Failed | None = None
        for url, inner in _lists_of(api, place):
            chosen = options._replace(forks=True, archived=True) if "/" in place.path else options
            try:
                yield from listed(api, name, url, FIELDS, read, chosen, inner=inner)
                api.finished()
                return
            except Failed as failed:
                trouble = failed
                if failed.status != 404:
                    break
        yield Skipped(name, str(trouble))


def _lists_of(api: Api, place: Place) -> Iterator[tuple[str, str]]:
    """Yield the URLs that may list *place*, each with the field of the answer that holds the list."""
    owner = quote(place.path)
    if not place.path:
        yield api.url("/repos/search", sort="id", order="asc", limit=MOST), "data"
    elif "/" in place.path:
        yield api.url(f"/repos/{owner}"), ""
    else:
        yield api.url(f"/orgs/{owner}/repos", limit=MOST), ""
        yield api.url(f"/users/{owner}/repos", limit=MOST), ""
