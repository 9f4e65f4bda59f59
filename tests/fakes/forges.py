"""The lists of GitHub, GitLab and Gitea on this machine, in the shapes that they document.

One server answers the three dialects below ``/api/v3``, ``/api/v4`` and
``/api/v1``, and sends whoever wants to clone to `git`. `script` holds answers for the requests to come, taken first; what
was asked is in `asked`. `page_size` keeps pages small.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.fakes.serving import serving


class Asked(NamedTuple):
    """One request: where, with which headers (names in lower case), and the status of the answer."""

    path: str
    headers: dict[str, str]
    status: int


class Scripted(NamedTuple):
    """An answer that is given instead of the true one."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b"{}"
    path: str = ""


class Forge:
    """What the server has: repositories by owner, and what it is to answer."""

    def __init__(self) -> None:
        self.url = ""
        self.owners: dict[str, str] = {}
        self.rows: list[dict[str, Any]] = []
        self.gists: dict[str, list[dict[str, Any]]] = {}
        self.members: list[str] = []
        self.snippets: dict[int, list[dict[str, Any]]] = {}
        self.script: list[Scripted] = []
        self.asked: list[Asked] = []
        self.headers: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.git = ""
        self.page_size = 2
        self.keyset = True

    def add(self, name: str, **facts: Any) -> dict[str, Any]:
        """Add a repository "owner/name"; *facts* replace fields of every dialect."""
        number = len(self.rows) + 1
        self.owners.setdefault(name.partition("/")[0], "Organization")
        row = {
            "id": number,
            "full_name": name,
            "path_with_namespace": name,
            "clone_url": f"{self.url}/{name}.git",
            "http_url_to_repo": f"{self.url}/{name}.git",
            "archived": False,
            "fork": False,
            "default_branch": "main",
            "pushed_at": "2024-05-01T10:00:00Z",
            "updated_at": "2024-05-01T10:00:00Z",
            "last_activity_at": "2024-05-01T10:00:00.000Z",
            "has_wiki": False,
            "wiki_enabled": False,
            "snippets_enabled": False,
            "description": "not kept " * 20,
            **facts,
        }
        self.rows.append(row)
        return row

    def paths(self) -> list[str]:
        """Return what was asked, without the host."""
        return [asked.path for asked in self.asked]

    # -- the answers ---------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and content for one request."""
        if path in self.moved:
            return 301, {"location": self.moved[path]}, {"message": "Moved Permanently"}
        parts = [unquote(part) for part in path.strip("/").split("/")]
        dialect, rest = parts[1], parts[2:]
        if dialect == "v3":
            return self._github(path, rest, query, headers)
        if dialect == "v4":
            return self._gitlab(path, rest, query)
        return self._gitea(path, rest, query)

    def _github(
        self, path: str, rest: list[str], query: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, dict[str, str], Any]:
        match rest:
            case ["users", owner] if owner in self.owners:
                return 200, {}, {"login": owner, "type": self.owners[owner]}
            case ["user"] if headers.get("authorization", "").removeprefix("Bearer ") in self.tokens:
                return 200, {}, {"login": self.tokens[headers["authorization"].removeprefix("Bearer ")]}
            case ["orgs" | "users", owner, "repos"] if owner in self.owners:
                return self._page(path, query, self._of(owner), "per_page")
            case ["user", "repos"]:
                return self._page(path, query, self.rows, "per_page")
            case ["orgs", owner, "members"] if owner in self.owners:
                return self._page(path, query, [{"login": name} for name in self.members], "per_page")
            case ["users", owner, "gists"]:
                return self._page(path, query, self.gists.get(owner, []), "per_page")
            case ["repos", owner, name]:
                return self._single(f"{owner}/{name}")
        return 404, {}, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}

    def _gitlab(self, path: str, rest: list[str], query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        if query.get("pagination") == "keyset" and not self.keyset:
            return 405, {}, {"error": "Keyset pagination is not yet available for this type of request"}
        match rest:
            case ["projects"]:
                return self._page(path, query, self.rows, "per_page")
            case ["groups", group, "projects"] if self._of(group):
                return self._page(path, query, self._of(group), "per_page")
            case ["users", user, "projects"] if self.owners.get(user) == "User":
                return self._page(path, query, self._of(user), "per_page")
            case ["projects", number, "snippets"] if number.isdecimal():
                return self._page(path, query, self.snippets.get(int(number), []), "per_page")
            case ["projects", name]:
                return self._single(name)
        return 404, {}, {"message": "404 Group Not Found"}

    def _gitea(self, path: str, rest: list[str], query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        match rest:
            case ["repos", "search"]:
                status, headers, rows = self._page(path, query, self.rows, "limit")
                return status, headers, {"ok": True, "data": rows}
            case ["orgs", owner, "repos"] if self.owners.get(owner) == "Organization":
                return self._page(path, query, self._of(owner), "limit")
            case ["users", owner, "repos"] if owner in self.owners:
                return self._page(path, query, self._of(owner), "limit")
            case ["repos", owner, name]:
                return self._single(f"{owner}/{name}")
        return 404, {}, {"message": "GetOrgByName", "url": f"{self.url}/api/swagger"}

    def _of(self, owner: str) -> list[dict[str, Any]]:
        if self.owners.get(owner) == "User" and owner not in {r["full_name"].split("/")[0] for r in self.rows}:
            return []
        return [row for row in self.rows if str(row["path_with_namespace"]).startswith(f"{owner}/")]

    def _single(self, name: str) -> tuple[int, dict[str, str], Any]:
        for row in self.rows:
            if row["full_name"] == name:
                return 200, {}, row
        return 404, {}, {"message": "Not Found"}

    def _page(
        self, path: str, query: dict[str, str], rows: list[dict[str, Any]], size: str
    ) -> tuple[int, dict[str, str], Any]:
        most = min(int(query.get(size, "30")), self.page_size)
        if query.get("pagination") == "keyset":
            after = int(query.get("id_after", "0"))
            later = [row for row in rows if row["id"] > after]
            chosen, more = later[:most], len(later) > most
            following = {**query, "id_after": str(chosen[-1]["id"]) if chosen else ""}
        else:
            number = int(query.get("page", "1"))
            chosen, more = rows[(number - 1) * most : number * most], len(rows) > number * most
            following = {**query, "page": str(number + 1)}
        link = {"link": f'<{self.url}{path}?{urlencode(following)}>; rel="next", <{self.url}{path}>; rel="first"'}
        return 200, link if more else {}, chosen


@contextmanager
def forge() -> Iterator[Forge]:
    """Serve a forge until the block ends."""
    served = Forge()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # who asked has seen enough
                super().handle()

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            parts = urlsplit(self.path)
            extra = {"date": formatdate(time.time(), usegmt=True), **served.headers}
            if served.script and served.script[0].path in self.path:
                status, given, _, _ = scripted = served.script.pop(0)
                body, extra = scripted.body, {**extra, **given}
            elif not parts.path.startswith("/api/"):
                status, body = 301, b""
                extra["location"] = f"{served.git}{self.path}"
            else:
                status, given, content = served.answer(parts.path, dict(parse_qsl(parts.query)), headers)
                body = json.dumps(content).encode()
                extra = {**extra, "content-type": "application/json", **given}
                if status == 200:
                    extra["etag"] = f'W/"{hashlib.sha256(body).hexdigest()}"'
                    if headers.get("if-none-match") == extra["etag"]:
                        status, body = 304, b""
            served.asked.append(Asked(self.path, headers, status))
            self.send_response_only(status)
            for name, value in extra.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        served.url = url
        yield served
