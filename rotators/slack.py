"""Slack tokens: they revoke themselves.

Slack answers 200 to everything; `ok` in the body is the answer. Webhook URLs
have no revocation call, and a new bot token comes from reinstalling the app.
"""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind, UnexpectedState
from rotators.core.provider import TokenProvider

SERVES = ("slack.bot-token", "slack.user-token", "slack.legacy-token", "slack.rotating-token")

CAPABILITY = Capability(
    can_contain=True,
    limits="about 50 calls per minute; the app must be reinstalled for a new token",
    runbook="https://api.slack.com/apps",
)

GONE = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed"})
REVOKE = ("POST /api/auth.revoke (with the token itself)",)


class Rotator(TokenProvider):
    """Settings: endpoint."""

    service = "slack"
    base = "https://slack.com"
    who = "/api/auth.test"
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def ask(self, secret: Secret) -> Any | None:
        """See `TokenProvider`."""
        data = self.api(secret).call("POST", self.who).data
        if data.get("ok"):
            return data
        if data.get("error") in GONE:
            return None
        raise UnexpectedState(f"Slack says {data.get('error')}")

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        facts = (("workspace", found.get("team", "")),)
        return Identity(self.case.leak.fingerprint, self.label(found["team_id"]), found.get("user", ""), facts=facts)

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        data = self.api(self.case.leak.secret).call("POST", "/api/auth.revoke").data
        if not data.get("revoked") and data.get("error") not in GONE:
            raise UnexpectedState(f"Slack did not revoke it: {data.get('error')}")
        return {}
