"""Heroku authorizations: a token belongs to one, which is deleted and made anew."""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core import http
from rotators.core.contracts import Handles, Values
from rotators.core.model import CONTAIN, DISABLE, MINT, Capability, Identity, Minted
from rotators.core.provider import Issuer, only

SERVES = ("heroku.api-key*",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="deleting cannot be taken back",
    runbook="https://dashboard.heroku.com/account/applications",
)

PATH = "/oauth/authorizations"


class Rotator(Issuer):
    """Settings: endpoint, token_env or token_file (global scope)."""

    service = "heroku"
    base = "https://api.heroku.com"
    who = "/account"

    def headers(self, secret: Secret) -> dict[str, str]:
        """See `Issuer`."""
        return {**http.bearer(secret), "accept": "application/vnd.heroku+json; version=3"}

    def identify(self) -> Identity:
        """Find the authorization that the token belongs to."""
        leaked = http.text(self.case.leak.secret)
        found = [a for a in self._listed() if (a.get("access_token") or {}).get("token") == leaked]
        mine = only(found, "authorizations")
        facts = (("scope", ", ".join(mine.get("scope", ()))), ("description", str(mine.get("description"))))
        owner = (mine.get("user") or {}).get("email", "unknown")
        return Identity(mine["id"], self.label(owner), created=str(mine.get("created_at", "")), facts=facts)

    def calls(self, kind: str) -> tuple[str, ...]:
        """See `Issuer`."""
        delete = (f"DELETE {PATH}/{self.case.handles.get('handle')}",)
        return {MINT: (f"POST {PATH}",), CONTAIN: delete, DISABLE: delete}.get(kind) or super().calls(kind)

    def create(self, values: Values) -> Minted:
        """Make an authorization with the old one's scope."""
        scope = self.api().call("GET", f"{PATH}/{self.case.handles['handle']}").get("scope")
        answer = self.api().call("POST", PATH, json={"description": self.name, "scope": scope})
        token = answer.get("access_token", "token")
        return Minted({"value": Secret(token.encode())}, {"new_handle": answer.get("id")})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return tuple(a["id"] for a in self._listed() if a.get("description") == self.name)

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self.api().call("DELETE", f"{PATH}/{handle}", accept=(404,))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}

    def _listed(self) -> list[Any]:
        found: list[Any] = self.api().call("GET", PATH).data
        return found
