"""The projects of a group on GitLab with its subgroups, of a user, or of a whole server.

``gitlab:acme/backend`` is on gitlab.com, ``gitlab:https://git.example.org/acme``
on another server; ``gitlab:https://git.example.org`` lists all projects there that
the token may read.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, RepositoryEntry, RepositoryKind
from detector.fleet.inventory._api import ApiClient, Row
from detector.fleet.inventory._listing import (
    LastPush,
    ListedRepository,
    ServerLocation,
    get_clone_url,
    get_number,
    list_entries,
    make_entry,
    parse_location,
    read_rows,
)
from detector.fleet.names import InvalidName
from detector.model import Skipped
from detector.net.host_access import HostAccess, find_access
from detector.net.polite_client import AnswerFailed

FIELDS = (
    *("id", "path_with_namespace", "http_url_to_repo", "archived", "forked_from_project", "default_branch"),
    *("last_activity_at", "wiki_enabled", "snippets_enabled", "repository_access_level"),
)
BY_ID: dict[str, str | int] = {"order_by": "id", "sort": "asc", "per_page": 100}
"""A project that is created during the listing comes last, so no page shifts."""

SETTLES_AFTER = 2 * 3600.0
"""GitLab records the time of the last activity at most once an hour; twice that is safe."""


def list_repositories(location: str, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    """Return the repositories at *location*. Raises `UsageError` if it names the whole of gitlab.com."""
    server = parse_location(location, "gitlab", "gitlab.com")
    if not server.path and server.host == "gitlab.com":
        raise UsageError("gitlab:https://gitlab.com: name a group, a user or a project")
    return _list(server, find_access(server.site, options.operator), options)


def _list(server: ServerLocation, access: HostAccess, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    where = f"{server.host}/{server.path}"

    def parse_row(row: Row, at: float) -> ListedRepository:
        push = LastPush("last_activity_at", at, SETTLES_AFTER)
        fork = row.get("forked_from_project")
        entry = make_entry(
            row, server, options, name="path_with_namespace", url="http_url_to_repo", fork=fork, push=push
        )
        snippets = f"/projects/{get_number(row)}/snippets" if row.get("snippets_enabled") is not False else ""
        has_repository = row.get("repository_access_level") != "disabled"
        return ListedRepository(entry, row.get("wiki_enabled") is True, snippets, has_repository)

    def list_snippets(api: ApiClient, path: str, project: RepositoryEntry) -> Iterator[RepositoryEntry | Skipped]:
        where = f"{server.host}/{project.name}: snippets"
        for row in read_rows(api, where, api.url(path, per_page=100), ("id", "http_url_to_repo")):
            try:
                yield row if isinstance(row, Skipped) else _make_snippet_entry(row, server, project)
            except InvalidName as error:
                yield Skipped(where, f"a snippet {error}")

    headers = access.make_headers("private-token")
    with ApiClient(f"{server.site}/api/v4", access, headers, f"gitlab {where} {options.snippets}", options) as api:
        failure: AnswerFailed | None = None
        for url, is_project in _find_lists(api, server):
            chosen = options._replace(forks=True, archived=True) if is_project else options
            try:
                yield from list_entries(api, where, url, FIELDS, parse_row, chosen, list_snippets)
                api.finish()
                return
            except AnswerFailed as error:
                failure = error
                if error.status not in (404, 405):
                    break
        yield Skipped(where, str(failure))


def _find_lists(api: ApiClient, server: ServerLocation) -> Iterator[tuple[str, bool]]:
    """Yield the URLs that may list the projects, and whether each is a single project.

    The first that exists is used. If keyset pagination is refused (405), pages are requested by number.
    """
    pagings: tuple[dict[str, str], ...] = ({"pagination": "keyset"}, {})
    for paging in pagings:
        query = {**BY_ID, **paging}
        if not server.path:
            yield api.url("/projects", **query), False
            continue
        group = f"/groups/{server.quoted_path}/projects"
        yield api.url(group, include_subgroups="true", with_shared="false", **query), False
        if "/" in server.path:
            yield api.url(f"/projects/{server.quoted_path}"), True
        else:
            yield api.url(f"/users/{server.quoted_path}/projects", **query), False


def _make_snippet_entry(row: Row, server: ServerLocation, project: RepositoryEntry) -> RepositoryEntry:
    number = get_number(row)
    url = get_clone_url(row, "http_url_to_repo", (server.host,), server.site)
    return RepositoryEntry(
        f"{server.host}#snippet.{number}", f"{project.name}/snippets/{number}", url, RepositoryKind.SNIPPET
    )
