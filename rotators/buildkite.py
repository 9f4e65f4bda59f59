"""Buildkite user access tokens: they revoke themselves."""

from __future__ import annotations

from typing import Any

from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("buildkite.user-access-token",)

CAPABILITY = Capability(can_contain=True, runbook="https://buildkite.com/user/api-access-tokens")

REVOKE = ("DELETE /v2/access-token (with the token itself)",)


class Rotator(TokenProvider):
    """Settings: endpoint."""

    service = "buildkite"
    base = "https://api.buildkite.com"
    who = "/v2/access-token"
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        owner = (found.get("user") or {}).get("email", "unknown")
        return Identity(found["uuid"], self.label(owner), facts=(("scopes", ", ".join(found.get("scopes", ()))),))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.api(self.case.leak.secret).call("DELETE", "/v2/access-token", accept=(401,))
        return {}
