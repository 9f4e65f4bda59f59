"""One way to talk to an issuer's HTTP API.

Reads are repeated, changes never: a second revoke is harmless at most
issuers, a second *rotate* kills the key that the first one made. An answer
that got lost is `Ambiguous`, so that the run looks before it goes on.
Answers are never quoted in errors, since several APIs echo the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core.model import Ambiguous, Surprise, Throttled

READS = frozenset({"GET", "HEAD"})


class Answer:
    """Status and body of one answer."""

    def __init__(self, status: int, data: Any, headers: Mapping[str, str]) -> None:
        self.status, self.data, self.headers = status, data, headers

    def get(self, *path: str | int) -> Any:
        """Return the value at *path* in the JSON body; a missing one is a `Surprise`."""
        found = self.data
        for name in path:
            try:
                found = found[name]
            except (KeyError, IndexError, TypeError):
                raise Surprise(f"the answer has no {'.'.join(map(str, path))}") from None
        return found


class Api:
    """An API at *base*; `headers` carry the identity."""

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str] | None = None,
        *,
        verify: str | bool = True,
        timeout: float = 30,
    ) -> None:
        self._base, self._headers = base.rstrip("/"), dict(headers or {})
        self._verify, self._timeout = verify, timeout

    def call(
        self,
        method: str,
        path: str,
        *,
        ok: tuple[int, ...] = (200, 201, 202, 204),
        accept: tuple[int, ...] = (),
        **body: Any,
    ) -> Answer:
        """Send one request. A status outside *ok* and *accept* raises; *body* is httpx's json, data, …"""
        try:
            import httpx
        except ImportError:
            raise UsageError("this needs httpx: pip install 'leakfirst[verify]'") from None

        headers = {"user-agent": "leakfirst", **self._headers, **body.pop("headers", {})}
        tries = 3 if method in READS else 1
        # Without TLS there is nothing to verify, and reading all certificates takes longer than a call.
        verify = self._verify if self._base.startswith("https:") else False
        with httpx.Client(verify=verify, timeout=self._timeout, headers=headers) as http:
            for left in reversed(range(tries)):
                try:
                    answer = http.request(method, self._base + path, **body)
                except httpx.ConnectError:
                    raise Surprise(f"no connection to {self._base}") from None
                except httpx.HTTPError as error:
                    if left:
                        continue
                    raise Ambiguous(f"no answer to {method} ({type(error).__name__}); it may have acted") from None
                if answer.status_code < 500 or not left or answer.status_code in accept:
                    break
        status = answer.status_code
        if status in ok or status in accept:
            return Answer(status, _json(answer), answer.headers)
        if status == 429:
            raise Throttled(f"{self._base} asks us to slow down", _seconds(answer.headers.get("retry-after")))
        if status >= 500:
            raise Ambiguous(f"{self._base} failed with {status}; it may have acted")
        raise Surprise(f"{self._base} answered {status} to {method}")

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


def bearer(token: Secret, scheme: str = "Bearer") -> dict[str, str]:
    """Return the Authorization header that presents *token*."""
    return {"authorization": f"{scheme} {token.reveal().decode()}"}


def basic(user: str, password: Secret) -> dict[str, str]:
    """Return the Authorization header for a user and a password."""
    import base64

    pair = user.encode() + b":" + password.reveal()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


def text(value: Secret) -> str:
    """Return the plain text of *value*, to be sent to its issuer."""
    return value.reveal().decode()


def _json(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _seconds(text: str | None) -> float:
    try:
        return min(float(text or 2), 120.0)
    except ValueError:
        return 2.0
