"""One way to talk to a provider's HTTP API.

Reads are repeated, changes never: a second revoke is harmless at most
providers, a second *rotate* kills the key that the first one made. An answer
that got lost is `OutcomeUnknown`, so that the run looks before it goes on.
Answers are never quoted in errors, since several APIs echo the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps
from typing import Any
from urllib.parse import urlencode, urlsplit

from detector.net.blocking_client import BlockingHttpClient
from detector.net.failures import RequestFailed
from detector.net.http_client import ClientPolicy, Reply, Request
from detector.probes.core import answers
from detector.probes.core.answers import Answer
from detector.secret import Secret
from rotators.core.model import OutcomeUnknown, RateLimited, UnexpectedState

READS = frozenset({"GET", "HEAD"})
MAX_BYTES = 16 << 20
"""Longest answer that is read."""


class ApiReply:
    """Status and body of one answer."""

    def __init__(self, reply: Reply) -> None:
        self.status, self.data, self.headers, self._reply = reply.status, reply.json(), reply.headers, reply

    @property
    def content(self) -> bytes:
        """The body as it came."""
        return self._reply.body

    def judge(self, service: str) -> Answer:
        """Return what the answer proves about the credential, by the table of *service*."""
        said = answers.read_hosted(self._reply.body, is_page=self._reply.is_page)
        return answers.judge(answers.list_hosted(service), self.status, said)

    def get(self, *path: str | int) -> Any:
        """Return the value at *path* in the JSON body; a missing one is a `UnexpectedState`."""
        found = self.data
        for name in path:
            try:
                found = found[name]
            except (KeyError, IndexError, TypeError):
                raise UnexpectedState(f"the answer has no {'.'.join(map(str, path))}") from None
        return found


class ApiClient:
    """An API at *base*; `headers` carry the identity.

    The operator's settings name the host, so it may be an internal one.
    """

    def __init__(
        self, base: str, headers: Mapping[str, str] | None = None, *, ca_file: str = "", timeout: float = 30
    ) -> None:
        self._base, self._headers = base.rstrip("/"), dict(headers or {})
        self._policy = ClientPolicy(
            allow_internal=(urlsplit(base).hostname or "",),
            timeout=timeout,
            max_bytes=MAX_BYTES,
            environment_proxies=True,
            ca_file=ca_file,
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        ok: tuple[int, ...] = (200, 201, 202, 204),
        accept: tuple[int, ...] = (),
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> ApiReply:
        """Send one request; a status outside *ok* and *accept* raises. The body is one of *json*, *data*, *content*."""
        kind = ""
        if json is not None:
            kind, content = "application/json", dumps(json).encode()
        elif data is not None:
            kind, content = "application/x-www-form-urlencoded", urlencode(data).encode()
        all_headers = {**({"content-type": kind} if kind else {}), **self._headers, **(headers or {})}
        url = self._base + path + (("&" if "?" in path else "?") + urlencode(params) if params else "")
        reply = self._send(Request(method, url, tuple(all_headers.items()), content), accept)
        status = reply.status
        if status in ok or status in accept:
            return ApiReply(reply)
        if status == 429:
            raise RateLimited(
                f"{self._base} asks us to slow down", _parse_retry_after(reply.headers.get("retry-after"))
            )
        if status >= 500:
            raise OutcomeUnknown(f"{self._base} failed with {status}; it may have acted")
        raise UnexpectedState(f"{self._base} answered {status} to {method}")

    def _send(self, request: Request, accept: tuple[int, ...]) -> Reply:
        why = ""
        with BlockingHttpClient(self._policy) as client:
            for left in reversed(range(3 if request.method in READS else 1)):
                try:
                    reply = client.send(request)
                except RequestFailed as failure:
                    if not failure.sent:
                        why = str(failure)
                        break
                    if left:
                        continue
                    raise OutcomeUnknown(f"no answer to {request.method} ({failure}); it may have acted") from None
                if reply.status < 500 or not left or reply.status in accept:
                    return reply
        raise UnexpectedState(f"no connection to {self._base}: {why}")

    def pages(self, path: str, items: str, cursor: str, parameter: str) -> list[Any]:
        """Collect the list *items* over pages; the next one is asked for by *parameter* = *cursor*."""
        found: list[Any] = []
        params: dict[str, str] = {}
        while True:
            data = self.call("GET", path, params=params).data
            found += data[items]
            if not data.get(cursor) or not data[items]:
                return found
            params = {parameter: str(data[cursor])}


def bearer_header(token: Secret, scheme: str = "Bearer") -> dict[str, str]:
    """Return the Authorization header that presents *token*."""
    return {"authorization": f"{scheme} {token.reveal().decode()}"}


def basic_header(user: str, password: Secret) -> dict[str, str]:
    """Return the Authorization header for a user and a password."""
    import base64

    pair = user.encode() + b":" + password.reveal()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


def reveal_text(value: Secret) -> str:
    """Return the plain text of *value*, to be sent to its provider."""
    return value.reveal().decode()


def _parse_retry_after(text: str | None) -> float:
    try:
        return min(float(text or 2), 120.0)
    except ValueError:
        return 2.0
