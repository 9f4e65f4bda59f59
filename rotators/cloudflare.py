"""Cloudflare API tokens: rolled in place, or deleted.

Rolling keeps id and permissions and ends the old value at once. A value that
a crash lost is replaced by rolling again.
"""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, Overlap, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("cloudflare.user-token", "cloudflare.account-token", "cloudflare.api-token-legacy")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    overlap=Overlap.NONE,
    limits="rolling ends the old value at once",
    runbook="https://dash.cloudflare.com/profile/api-tokens",
)


class Rotator(TokenProvider):
    """Settings: account (for account tokens), endpoint, token_env or token_file (API Tokens: Edit)."""

    service = "cloudflare"
    base = "https://api.cloudflare.com/client/v4"
    dead = (400, 401, 403)

    @property
    def who(self) -> str:  # type: ignore[override]
        """Where a token is verified depends on whose it is."""
        return f"{self._tokens}/verify"

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        result = found["result"]
        facts = (("status", result["status"]),)
        return Identity(result["id"], self.label(self.case.settings.get("account") or "user"), facts=facts)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        path = f"{self._tokens}/{self.case.handles.get('handle')}"
        shown = {
            StepKind.MINT: (f"PUT {path}/value",),
            StepKind.CONTAIN: (f"DELETE {path}",),
            StepKind.DISABLE: (f"DELETE {path}",),
        }
        return shown.get(kind) or super().calls(kind)

    def create(self, values: Values) -> NewCredential:
        """Roll the token."""
        token = self.case.handles["handle"]
        answer = self.api().call("PUT", f"{self._tokens}/{token}/value", json={})
        return NewCredential({"value": Secret(answer.get("result").encode())}, {"new_handle": token})

    def discard(self, handle: str) -> None:
        """A lost value ends with the next roll."""

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.api().call("DELETE", f"{self._tokens}/{self.case.handles['handle']}", accept=(404,))
        return {}

    @property
    def _tokens(self) -> str:
        account = self.case.settings.get("account")
        return f"/accounts/{account}/tokens" if account else "/user/tokens"
