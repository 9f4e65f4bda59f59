"""GitHub App installation tokens: they end themselves, and live an hour anyway.

The app's private key makes the next one; if that leaked too, a person has to
replace it in the app's settings.
"""

from __future__ import annotations

from typing import Any

from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("github.app-installation-token*",)

CAPABILITY = Capability(can_contain=True, renews_itself=True, limits="the app asks for its next token by itself")

REVOKE = ("DELETE /installation/token (with the token itself)",)


class Rotator(TokenProvider):
    """Settings: endpoint."""

    service = "github"
    base = "https://api.github.com"
    who = "/installation/repositories?per_page=1"
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        owners = {repository["owner"]["login"] for repository in found["repositories"]}
        facts = (("repositories", str(found["total_count"])),)
        return Identity(self.case.leak.fingerprint, self.label(next(iter(owners), "unknown")), facts=facts)

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.api(self.case.leak.secret).call("DELETE", "/installation/token", ok=(204,), accept=(401,))
        return {}
