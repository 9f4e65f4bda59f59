"""Vercel personal access tokens: they revoke themselves."""

from __future__ import annotations

from typing import Any

from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("vercel.personal-access-token", "vercel.access-token-legacy")

CAPABILITY = Capability(can_contain=True, runbook="https://vercel.com/account/settings/tokens")

REVOKE = ("DELETE /v3/user/tokens/current (with the token itself)",)


class Rotator(TokenProvider):
    """Settings: endpoint."""

    service = "vercel"
    base = "https://api.vercel.com"
    who = "/v2/user"
    dead = (401, 403)
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        user = found["user"]
        return Identity(self.case.leak.fingerprint, self.label(user.get("id", "unknown")), user.get("username", ""))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.api(self.case.leak.secret).call("DELETE", "/v3/user/tokens/current", accept=(401, 403, 404))
        return {}
