"""Buildkite user access tokens: they revoke themselves."""

from __future__ import annotations

from typing import Any

from rotators.core.contracts import Handles
from rotators.core.model import CONTAIN, DISABLE, Capability, Identity
from rotators.core.provider import Issuer

SERVES = ("buildkite.user-access-token",)

CAPABILITY = Capability(can_contain=True, needs="self", runbook="https://buildkite.com/user/api-access-tokens")

REVOKE = ("DELETE /v2/access-token (with the token itself)",)


class Rotator(Issuer):
    """Settings: endpoint."""

    service = "buildkite"
    base = "https://api.buildkite.com"
    who = "/v2/access-token"
    acts = ((CONTAIN, REVOKE), (DISABLE, REVOKE))

    def describe(self, found: Any) -> Identity:
        """See `Issuer`."""
        owner = (found.get("user") or {}).get("email", "unknown")
        return Identity(found["uuid"], self.label(owner), facts=(("scopes", ", ".join(found.get("scopes", ()))),))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.api(self.case.leak.secret).call("DELETE", "/v2/access-token", accept=(401,))
        return {}
