"""The projects of a group on GitLab, with its subgroups; of a user; or of a whole server.

``gitlab:acme/backend`` is on gitlab.com, ``gitlab:https://git.example.org/acme``
elsewhere, ``gitlab:https://git.example.org`` all that the token sees there.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.errors import UsageError
from detector.fleet.credentials import Access, access
from detector.fleet.inventory import Entry, Options
from detector.fleet.inventory._api import Api, Failed, Row
from detector.fleet.inventory._listing import (
    Listed,
    Place,
    entry_of,
    listed,
    number_of,
    own_url,
    place_of,
    rows_of,
)
from detector.fleet.inventory._names import Refused
from detector.model import Skipped

FIELDS = (
    *("id", "path_with_namespace", "http_url_to_repo", "archived", "forked_from_project", "default_branch"),
    *("last_activity_at", "wiki_enabled", "snippets_enabled", "repository_access_level"),
)
BY_NUMBER: dict[str, str | int] = {"order_by": "id", "sort": "asc", "per_page": 100}
"""What is created while we list comes last."""

SETTLES = 2 * 3600.0
"""The time of the last activity is noted once an hour at most; twice that is safe."""


def entries(place: str, options: Options) -> Iterator[Entry | Skipped]:
    """List *place*. Raises `UsageError` if it names the whole of gitlab.com."""
    where = place_of(place, "gitlab", "gitlab.com")
    if not where.path and where.host == "gitlab.com":
        raise UsageError("gitlab:https://gitlab.com: name a group, a user or a project")
    return _entries(where, access(where.site, options.operator), options)


def _entries(place: Place, allowed: Access, options: Options) -> Iterator[Entry | Skipped]:
    name = f"{place.host}/{place.path}"

    def read(row: Row, at: float) -> Listed:
        pushed = "last_activity_at", at, SETTLES
        fork = row.get("forked_from_project")
        entry = entry_of(
            row, place, options, name="path_with_namespace", url="http_url_to_repo", fork=fork, version=pushed
        )
        snippets = f"/projects/{number_of(row)}/snippets" if row.get("snippets_enabled") is not False else ""
        stored = row.get("repository_access_level") != "disabled"
        return Listed(entry, row.get("wiki_enabled") is True, snippets, stored)

    def snippets(api: Api, path: str, project: Entry) -> Iterator[Entry | Skipped]:
        where = f"{place.host}/{project.name}: snippets"
        for row in rows_of(api, where, api.url(path, per_page=100), ("id", "http_url_to_repo")):
            try:
                yield row if isinstance(row, Skipped) else _snippet(row, place, project)
            except Refused as refused:
                yield Skipped(where, f"a snippet {refused}")

    headers = allowed.headers("private-token")
    with Api(f"{place.site}/api/v4", allowed, headers, f"gitlab {name} {options.snippets}", options) as api:
        trouble: Failed | None = None
        for url, single in _lists_of(api, place):
            chosen = options._replace(forks=True, archived=True) if single else options
            try:
                yield from listed(api, name, url, FIELDS, read, chosen, snippets)
                api.finished()
                return
            except Failed as failed:
                trouble = failed
                if failed.status not in (404, 405):
                    break
        yield Skipped(name, str(trouble))


def _lists_of(api: Api, place: Place) -> Iterator[tuple[str, bool]]:
    """Yield the URLs that may list *place*, and whether it is one project; the first that exists is the one.

    Where a list cannot be had by number (405), it is asked for by pages.
    """
    pagings: tuple[dict[str, str], ...] = ({"pagination": "keyset"}, {})
    for paging in pagings:
        query = {**BY_NUMBER, **paging}
        if not place.path:
            yield api.url("/projects", **query), False
            continue
        group = api.url(f"/groups/{place.quoted}/projects", include_subgroups="true", with_shared="false", **query)
        yield group, False
        if "/" in place.path:
            yield api.url(f"/projects/{place.quoted}"), True
        else:
            yield api.url(f"/users/{place.quoted}/projects", **query), False


def _snippet(row: Row, place: Place, project: Entry) -> Entry:
    number = number_of(row)
    url = own_url(row, "http_url_to_repo", (place.host,), place.site)
    return Entry(f"{place.host}#snippet.{number}", f"{project.name}/snippets/{number}", url, "snippet")
