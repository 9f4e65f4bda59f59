"""Anthropic API keys: an administrator makes them inactive, and later archives them.

New keys are made in the console only; workload identity does without keys.
"""

from __future__ import annotations

from detector.secret import Secret
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind
from rotators.core.provider import TokenProvider, matches_hint, require_one

SERVES = ("anthropic.api-key",)

CAPABILITY = Capability(
    can_contain=True,
    reversible_disable=True,
    can_delete=True,
    limits="no call makes a new key",
    runbook="https://console.anthropic.com/settings/keys",
)


class Rotator(TokenProvider):
    """Settings: endpoint, token_env or token_file (an admin key)."""

    service = "anthropic"
    base = "https://api.anthropic.com"
    who = "/v1/models"

    def headers(self, secret: Secret) -> dict[str, str]:
        """See `TokenProvider`."""
        return {"x-api-key": secret.reveal().decode(), "anthropic-version": "2023-06-01"}

    def identify(self) -> Identity:
        """Find the key by its hint."""
        keys = self.api().pages("/v1/organizations/api_keys", "data", "last_id", "after_id")
        key = require_one(
            [k for k in keys if matches_hint(self.case.leak.secret, k.get("partial_key_hint", ""))], "keys"
        )
        facts = (("status", key["status"]), ("name", key.get("name", "")))
        return Identity(key["id"], self.label(key.get("workspace_id") or "default"), facts=facts)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        path = f"POST /v1/organizations/api_keys/{self.case.handles.get('handle')}"
        inactive = (f"{path} status=inactive",)
        shown = {StepKind.CONTAIN: inactive, StepKind.DISABLE: inactive, StepKind.DELETE: (f"{path} status=archived",)}
        return shown.get(kind) or super().calls(kind)

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        return self._set_status("inactive")

    def delete(self) -> Handles:
        """See `contracts.Rotator`."""
        return self._set_status("archived")

    def undo(self, kind: StepKind) -> None:
        """See `contracts.Rotator`."""
        self._set_status("active")

    def _set_status(self, status: str) -> Handles:
        path = f"/v1/organizations/api_keys/{self.case.handles['handle']}"
        self.api().call("POST", path, json={"status": status})
        return {}
