"""Anthropic API keys: an administrator makes them inactive, and later archives them.

New keys are made in the console only; workload identity does without keys.
"""

from __future__ import annotations

from detector.secret import Secret
from rotators.core.contracts import Handles
from rotators.core.model import CONTAIN, DELETE, DISABLE, Capability, Identity
from rotators.core.provider import Issuer, hinted, only

SERVES = ("anthropic.api-key",)

CAPABILITY = Capability(
    can_contain=True,
    reversible_disable=True,
    can_delete=True,
    limits="no call makes a new key",
    runbook="https://console.anthropic.com/settings/keys",
)


class Rotator(Issuer):
    """Settings: endpoint, token_env or token_file (an admin key)."""

    service = "anthropic"
    base = "https://api.anthropic.com"
    who = "/v1/models"

    def headers(self, secret: Secret) -> dict[str, str]:
        """See `Issuer`."""
        return {"x-api-key": secret.reveal().decode(), "anthropic-version": "2023-06-01"}

    def identify(self) -> Identity:
        """Find the key by its hint."""
        keys = self.api().pages("/v1/organizations/api_keys", "data", "last_id", "after_id")
        key = only([k for k in keys if hinted(self.case.leak.secret, k.get("partial_key_hint", ""))], "keys")
        facts = (("status", key["status"]), ("name", key.get("name", "")))
        return Identity(key["id"], self.label(key.get("workspace_id") or "default"), facts=facts)

    def calls(self, kind: str) -> tuple[str, ...]:
        """See `Issuer`."""
        path = f"POST /v1/organizations/api_keys/{self.case.handles.get('handle')}"
        inactive = (f"{path} status=inactive",)
        shown = {CONTAIN: inactive, DISABLE: inactive, DELETE: (f"{path} status=archived",)}
        return shown.get(kind) or super().calls(kind)

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        return self._set("inactive")

    def delete(self) -> Handles:
        """See `contracts.Rotator`."""
        return self._set("archived")

    def undo(self, kind: str) -> None:
        """See `contracts.Rotator`."""
        self._set("active")

    def _set(self, status: str) -> Handles:
        path = f"/v1/organizations/api_keys/{self.case.handles['handle']}"
        self.api().call("POST", path, json={"status": status})
        return {}
