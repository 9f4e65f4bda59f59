"""Hugging Face tokens: revoked by showing them, without any identity."""

from __future__ import annotations

from typing import Any

from rotators.core import http
from rotators.core.contracts import Handles
from rotators.core.model import CONTAIN, DISABLE, Capability, Identity
from rotators.core.provider import Issuer

SERVES = ("huggingface.*",)

CAPABILITY = Capability(
    can_contain=True,
    async_revoke=True,
    needs="none",
    limits="cannot be taken back",
    runbook="https://huggingface.co/settings/tokens",
)

REVOKE = ("POST /api/credentials/revoke",)


class Rotator(Issuer):
    """Settings: endpoint."""

    service = "hugging-face"
    base = "https://huggingface.co"
    who = "/api/whoami-v2"
    acts = ((CONTAIN, REVOKE), (DISABLE, REVOKE))

    def describe(self, found: Any) -> Identity:
        """See `Issuer`."""
        return Identity(
            self.case.leak.fingerprint, self.label(found["name"]), f"{found.get('type', '')} {found['name']}"
        )

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        body = {"credentials": [http.text(self.case.leak.secret)]}
        self.nobody().call("POST", "/api/credentials/revoke", json=body)
        return {}
