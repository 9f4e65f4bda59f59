"""Slack, PagerDuty, Teams, GitHub, GitLab and a webhook of one's own, as far as messages to them go.

Each answers as its documentation says and refuses what the real one refuses;
`trouble` holds answers that are given first: (status, headers).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.serving import serving

TOKEN = "-".join(("receiver", "token", "canary"))
ROUTING = "r0u71ng" * 4 + "key0"


class Receivers:
    """What has arrived."""

    def __init__(self) -> None:
        self.url = ""
        self.trouble: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.slack: list[dict[str, Any]] = []
        self.teams: list[dict[str, Any]] = []
        self.webhook: list[tuple[dict[str, str], bytes]] = []
        self.alerts: dict[str, list[str]] = {}
        self.pages: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        """GitHub's."""
        self.work_items: list[dict[str, Any]] = []
        """GitLab's issues."""

    @property
    def everything(self) -> bytes:
        """Return all bodies."""
        return b"\n".join(body for _, _, _, body in self.requests)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], Any]:
        if self.trouble:
            status, more = self.trouble.pop(0)
            return status, more, {"error": "trouble"}
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        data = json.loads(body) if body else {}
        if parts.path.startswith("/services/"):
            assert data["text"] and isinstance(data["blocks"], list)
            self.slack.append(data)
            return 200, {}, "ok"
        if parts.path == "/api/chat.postMessage":
            if headers.get("authorization") != f"Bearer {TOKEN}":
                return 200, {}, {"ok": False, "error": "invalid_auth"}
            if not data.get("channel"):
                return 200, {}, {"ok": False, "error": "channel_not_found"}
            self.slack.append(data)
            return 200, {}, {"ok": True, "ts": f"1700000000.{len(self.slack):06}"}
        if parts.path == "/workflow":
            assert data["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
            self.teams.append(data)
            return 202, {}, ""
        if parts.path == "/v2/enqueue":
            return self._page(data)
        if parts.path == "/hook":
            self.webhook.append((headers, body))
            return 204, {}, ""
        if match := re.fullmatch(r"/repos/([^/]+/[^/]+)/issues(?:/(\d+))?", parts.path):
            if headers.get("authorization") != f"Bearer {TOKEN}":
                return 401, {}, {"message": "Bad credentials"}
            return self._issue(self.issues, "number", "body", method, match[2], query, data)
        if match := re.fullmatch(r"/api/v4/projects/([^/]+)/issues(?:/(\d+))?", parts.path):
            if headers.get("private-token") != TOKEN:
                return 401, {}, {"message": "401 Unauthorized"}
            assert "/" in unquote(match[1]) or match[1].isdigit()
            return self._issue(self.work_items, "iid", "description", method, match[2], query, data)
        return 404, {}, {"message": "Not Found"}

    def _page(self, data: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        if data.get("routing_key") != ROUTING or data.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            return 400, {}, {"status": "invalid event"}
        if data["event_action"] == "trigger":
            payload = data.get("payload", {})
            if not (payload.get("summary") and payload.get("source")) or len(payload["summary"]) > 1024:
                return 400, {}, {"status": "invalid event"}
            if payload.get("severity") not in ("critical", "error", "warning", "info"):
                return 400, {}, {"status": "invalid event"}
        self.alerts.setdefault(data["dedup_key"], []).append(data["event_action"])
        self.pages.append(data)
        return 202, {}, {"status": "success", "dedup_key": data["dedup_key"]}

    def _issue(
        self, kept: list[dict[str, Any]], number: str, text: str, method: str, which: str | None, query: Any, data: Any
    ) -> tuple[int, dict[str, str], Any]:
        if method == "GET":
            search = query.get("search", "")
            return 200, {}, [issue for issue in kept if search in issue[text]]
        if method == "POST":
            issue = {number: len(kept) + 1, "state": "open", **data}
            assert issue[text] and issue["title"]
            kept.append(issue)
            return 201, {}, issue
        issue = kept[int(which or 0) - 1]
        issue |= data
        issue["state"] = {"close": "closed", "reopen": "open"}.get(data.get("state_event"), issue["state"])
        return 200, {}, issue


@contextmanager
def receiving() -> Iterator[Receivers]:
    """Yield receivers that answer at `url` until the block ends."""
    kept = Receivers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.requests.append((self.command, self.path, headers, body))
            status, more, data = kept.answer(self.command, self.path, headers, body)
            content = b"" if status == 204 else json.dumps(data).encode()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = _do

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as kept.url:
        yield kept
