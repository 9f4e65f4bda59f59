"""DigitalOcean tokens: they revoke themselves; no call makes a personal one."""

from __future__ import annotations

from typing import Any

from rotators.core import http
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("digitalocean.personal-access-token", "digitalocean.oauth-token")

CAPABILITY = Capability(
    can_contain=True,
    limits="cannot be taken back",
    runbook="https://cloud.digitalocean.com/account/api/tokens",
)

REVOKE = ("POST /v1/oauth/revoke (with the token itself)",)


class Rotator(TokenProvider):
    """Settings: endpoint, revoke_endpoint."""

    service = "digitalocean"
    base = "https://api.digitalocean.com"
    who = "/v2/account"
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        account = found["account"]
        return Identity(self.case.leak.fingerprint, self.label(account["uuid"]), account.get("email", ""))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        where = str(self.case.settings.get("revoke_endpoint") or "https://cloud.digitalocean.com")
        mine = self.case.leak.secret
        http.ApiClient(where, http.bearer_header(mine)).call(
            "POST", "/v1/oauth/revoke", data={"token": http.reveal_text(mine)}, accept=(401,)
        )
        return {}
