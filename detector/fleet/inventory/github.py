"""The repositories of an organisation or user on GitHub, or on an enterprise server.

``github:acme``, ``github:acme/app``, ``github:https://github.example.org/acme``.
Of a user the private repositories are seen too when the token is that user's.
With snippets, the gists of the user or of the organisation's members are listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from detector.errors import UsageError
from detector.fleet.credentials import Access, access
from detector.fleet.inventory import Entry, Options
from detector.fleet.inventory._api import Api, Failed, Row
from detector.fleet.inventory._listing import (
    Listed,
    Place,
    entry_of,
    listed,
    own_url,
    place_of,
    rows_of,
    text_of,
)
from detector.fleet.inventory._names import Refused, shown
from detector.model import Skipped

FIELDS = ("id", "full_name", "clone_url", "archived", "fork", "default_branch", "pushed_at", "has_wiki")
OLDEST_FIRST: dict[str, str | int] = {"sort": "created", "direction": "asc", "per_page": 100}
"""What is created while we list comes last, and no page shifts."""

SETTLES = 300.0


def entries(place: str, options: Options) -> Iterator[Entry | Skipped]:
    """List *place*. Raises `UsageError` if it names no owner."""
    where = place_of(place, "github", "github.com")
    if not where.path or where.path.count("/") > 1:
        raise UsageError(f"github:{shown(place)}: name an organisation, a user or OWNER/NAME")
    return _entries(where, access(where.site, options.operator), options)


def _entries(place: Place, allowed: Access, options: Options) -> Iterator[Entry | Skipped]:
    name = f"{place.host}/{place.path}"
    headers = {**allowed.headers(), "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

    def read(row: Row, at: float) -> Listed:
        pushed = "pushed_at", at, SETTLES
        fork = row.get("fork")
        entry = entry_of(row, place, options, name="full_name", url="clone_url", fork=fork, version=pushed)
        return Listed(entry, wiki=row.get("has_wiki") is True)

    with Api(_base(place), allowed, headers, f"github {name} {options.snippets}", options) as api:
        try:
            if "/" in place.path:
                everything = options._replace(forks=True, archived=True)
                yield from listed(api, name, api.url(f"/repos/{quote(place.path)}"), FIELDS, read, everything)
            else:
                url, team = _list_of(api, place.path)
                yield from listed(api, name, url, FIELDS, read, options)
                if options.snippets:
                    yield from _gists(api, place, team)
            api.finished()
        except Failed as failed:
            yield Skipped(name, str(failed))


def _base(place: Place) -> str:
    if place.host == "github.com" or place.host.endswith(".ghe.com"):
        return f"https://api.{place.host}"
    return f"{place.site}/api/v3"


def _list_of(api: Api, owner: str) -> tuple[str, bool]:
    """Return the URL that lists what *owner* has, and whether that is an organisation."""
    row = api.one(api.url(f"/users/{quote(owner)}"), ("login", "type"))
    if row.get("type") == "Organization":
        return api.url(f"/orgs/{quote(owner)}/repos", type="all", **OLDEST_FIRST), True
    if api.access.token:
        try:
            own = api.one(api.url("/user"), ("login",))
        except Failed:  # the token of an installation is no user's
            own = {}
        if str(own.get("login")).lower() == owner.lower():
            return api.url("/user/repos", affiliation="owner", **OLDEST_FIRST), False
    return api.url(f"/users/{quote(owner)}/repos", type="owner", **OLDEST_FIRST), False


def _gists(api: Api, place: Place, team: bool) -> Iterator[Entry | Skipped]:
    owners: Iterator[Row | Skipped] = iter([{"login": place.path}])
    if team:
        url = api.url(f"/orgs/{quote(place.path)}/members", per_page=100)
        owners = rows_of(api, f"{place.host}/{place.path}: members", url, ("login",))
    for owner in owners:
        if isinstance(owner, Skipped):
            yield owner
            continue
        login = str(owner.get("login"))
        where = shown(f"{place.host}/{login}: gists", 120)
        url = api.url(f"/users/{quote(login, safe='')}/gists", per_page=100)
        for row in rows_of(api, where, url, ("id", "git_pull_url")):
            try:
                yield row if isinstance(row, Skipped) else _gist(row, place, login)
            except Refused as refused:
                yield Skipped(where, f"a gist {refused}")


def _gist(row: Row, place: Place, login: str) -> Entry:
    number = text_of(row, "id")
    if not number.isalnum() or not number.isascii():
        raise Refused("comes without an id that can be used")
    url = own_url(row, "git_pull_url", (place.host, f"gist.{place.host}"), place.site)
    return Entry(f"{place.host}#gist.{number}", f"{login}/{number}", url, "gist")
