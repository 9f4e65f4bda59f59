"""The repositories of an organisation or user on GitHub, or on an enterprise server.

``github:acme``, ``github:acme/app``, ``github:https://github.example.org/acme``.
The private repositories of a user are listed if the token is that user's. With
snippets, the gists of the user or of the organisation's members are listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, RepositoryEntry, RepositoryKind
from detector.fleet.inventory._api import ApiClient, Row
from detector.fleet.inventory._listing import (
    LastPush,
    ListedRepository,
    ServerLocation,
    get_clone_url,
    get_text,
    list_entries,
    make_entry,
    parse_location,
    read_rows,
)
from detector.fleet.names import InvalidName, make_line
from detector.model import Skipped
from detector.net.host_access import HostAccess, find_access
from detector.net.polite_client import AnswerFailed

FIELDS = ("id", "full_name", "clone_url", "archived", "fork", "default_branch", "pushed_at", "has_wiki")
OLDEST_FIRST: dict[str, str | int] = {"sort": "created", "direction": "asc", "per_page": 100}
"""A repository that is created during the listing comes last, so no page shifts."""

SETTLES_AFTER = 300.0
"""Seconds after which another push changes ``pushed_at``."""


def list_repositories(location: str, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    """Return the repositories at *location*. Raises `UsageError` if it names no owner."""
    server = parse_location(location, "github", "github.com")
    if not server.path or server.path.count("/") > 1:
        raise UsageError(f"github:{make_line(location)}: name an organisation, a user or OWNER/NAME")
    return _list(server, find_access(server.site, options.operator), options)


def _list(server: ServerLocation, access: HostAccess, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    where = f"{server.host}/{server.path}"
    headers = {
        **access.make_headers(),
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }

    def parse_row(row: Row, at: float) -> ListedRepository:
        push = LastPush("pushed_at", at, SETTLES_AFTER)
        fork = row.get("fork")
        entry = make_entry(row, server, options, name="full_name", url="clone_url", fork=fork, push=push)
        return ListedRepository(entry, has_wiki=row.get("has_wiki") is True)

    with ApiClient(_find_api(server), access, headers, f"github {where} {options.snippets}", options) as api:
        try:
            if "/" in server.path:
                any_kind = options._replace(forks=True, archived=True)
                url = api.url(f"/repos/{quote(server.path)}")
                yield from list_entries(api, where, url, FIELDS, parse_row, any_kind)
            else:
                url, is_organisation = _find_list(api, server.path)
                yield from list_entries(api, where, url, FIELDS, parse_row, options)
                if options.snippets:
                    yield from _list_gists(api, server, is_organisation)
            api.finish()
        except AnswerFailed as error:
            yield Skipped(where, str(error))


def _find_api(server: ServerLocation) -> str:
    if server.host == "github.com" or server.host.endswith(".ghe.com"):
        return f"https://api.{server.host}"
    return f"{server.site}/api/v3"


def _find_list(api: ApiClient, owner: str) -> tuple[str, bool]:
    """Return the URL that lists the repositories of *owner*, and whether that is an organisation."""
    row = api.get_object(api.url(f"/users/{quote(owner)}"), ("login", "type"))
    if row.get("type") == "Organization":
        return api.url(f"/orgs/{quote(owner)}/repos", type="all", **OLDEST_FIRST), True
    if api.access.token:
        try:
            user = api.get_object(api.url("/user"), ("login",))
        except AnswerFailed:  # the token of an app installation belongs to no user
            user = {}
        if str(user.get("login")).lower() == owner.lower():
            return api.url("/user/repos", affiliation="owner", **OLDEST_FIRST), False
    return api.url(f"/users/{quote(owner)}/repos", type="owner", **OLDEST_FIRST), False


def _list_gists(api: ApiClient, server: ServerLocation, is_organisation: bool) -> Iterator[RepositoryEntry | Skipped]:
    owners: Iterator[Row | Skipped] = iter([{"login": server.path}])
    if is_organisation:
        url = api.url(f"/orgs/{quote(server.path)}/members", per_page=100)
        owners = read_rows(api, f"{server.host}/{server.path}: members", url, ("login",))
    for owner in owners:
        if isinstance(owner, Skipped):
            yield owner
            continue
        login = str(owner.get("login"))
        where = make_line(f"{server.host}/{login}: gists", 120)
        url = api.url(f"/users/{quote(login, safe='')}/gists", per_page=100)
        for row in read_rows(api, where, url, ("id", "git_pull_url")):
            try:
                yield row if isinstance(row, Skipped) else _make_gist_entry(row, server, login)
            except InvalidName as error:
                yield Skipped(where, f"a gist {error}")


def _make_gist_entry(row: Row, server: ServerLocation, login: str) -> RepositoryEntry:
    gist_id = get_text(row, "id")
    if not gist_id.isalnum() or not gist_id.isascii():
        raise InvalidName("has no valid id")
    url = get_clone_url(row, "git_pull_url", (server.host, f"gist.{server.host}"), server.site)
    return RepositoryEntry(f"{server.host}#gist.{gist_id}", f"{login}/{gist_id}", url, RepositoryKind.GIST)
