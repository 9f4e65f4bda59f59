"""Hugging Face tokens: revoked by showing them, without any identity."""

from __future__ import annotations

from typing import Any

from rotators.core import http
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("huggingface.*",)

CAPABILITY = Capability(
    can_contain=True,
    limits="cannot be taken back",
    runbook="https://huggingface.co/settings/tokens",
)

REVOKE = ("POST /api/credentials/revoke",)


class Rotator(TokenProvider):
    """Settings: endpoint."""

    service = "hugging-face"
    base = "https://huggingface.co"
    who = "/api/whoami-v2"
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        return Identity(
            self.case.leak.fingerprint, self.label(found["name"]), f"{found.get('type', '')} {found['name']}"
        )

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        body = {"credentials": [http.reveal_text(self.case.leak.secret)]}
        self.nobody().call("POST", "/api/credentials/revoke", json=body)
        return {}
