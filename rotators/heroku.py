"""Heroku authorizations: a token belongs to one, which is deleted and made anew."""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core import http
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, StepKind
from rotators.core.provider import TokenProvider, require_one

SERVES = ("heroku.api-key*",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="deleting cannot be taken back",
    runbook="https://dashboard.heroku.com/account/applications",
)

PATH = "/oauth/authorizations"


class Rotator(TokenProvider):
    """Settings: endpoint, token_env or token_file (global scope)."""

    service = "heroku"
    base = "https://api.heroku.com"
    who = "/account"

    def headers(self, secret: Secret) -> dict[str, str]:
        """See `TokenProvider`."""
        return {**http.bearer_header(secret), "accept": "application/vnd.heroku+json; version=3"}

    def identify(self) -> Identity:
        """Find the authorization that the token belongs to."""
        leaked = http.reveal_text(self.case.leak.secret)
        found = [a for a in self._list_authorizations() if (a.get("access_token") or {}).get("token") == leaked]
        mine = require_one(found, "authorizations")
        facts = (("scope", ", ".join(mine.get("scope", ()))), ("description", str(mine.get("description"))))
        owner = (mine.get("user") or {}).get("email", "unknown")
        return Identity(mine["id"], self.label(owner), created=str(mine.get("created_at", "")), facts=facts)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        delete = (f"DELETE {PATH}/{self.case.handles.get('handle')}",)
        return {StepKind.MINT: (f"POST {PATH}",), StepKind.CONTAIN: delete, StepKind.DISABLE: delete}.get(
            kind
        ) or super().calls(kind)

    def create(self, values: Values) -> NewCredential:
        """Make an authorization with the old one's scope."""
        scope = self.api().call("GET", f"{PATH}/{self.case.handles['handle']}").get("scope")
        answer = self.api().call("POST", PATH, json={"description": self.name, "scope": scope})
        token = answer.get("access_token", "token")
        return NewCredential({"value": Secret(token.encode())}, {"new_handle": answer.get("id")})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return tuple(a["id"] for a in self._list_authorizations() if a.get("description") == self.name)

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self.api().call("DELETE", f"{PATH}/{handle}", accept=(404,))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}

    def _list_authorizations(self) -> list[Any]:
        found: list[Any] = self.api().call("GET", PATH).data
        return found
