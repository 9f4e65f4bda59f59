"""Doppler tokens: they revoke themselves."""

from __future__ import annotations

from typing import Any

from rotators.core import http
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("doppler.*",)

CAPABILITY = Capability(can_contain=True, runbook="https://dashboard.doppler.com/workplace/tokens")

REVOKE = ("POST /v3/auth/revoke (with the token itself)",)


class Rotator(TokenProvider):
    """Settings: endpoint."""

    service = "doppler"
    base = "https://api.doppler.com"
    who = "/v3/me"
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        place = (found.get("workplace") or {}).get("slug", "unknown")
        return Identity(
            str(found.get("slug", self.case.leak.fingerprint)), self.label(place), str(found.get("name", ""))
        )

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        mine = self.case.leak.secret
        self.nobody().call("POST", "/v3/auth/revoke", json={"token": http.reveal_text(mine)}, accept=(401, 404))
        return {}
