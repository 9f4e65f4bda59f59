"""OpenAI project keys: deleted by an administrator; service accounts get new ones.

A user's own key cannot be made by call; only a service account's can.
"""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, StepKind
from rotators.core.provider import TokenProvider, matches_hint, require_one

SERVES = ("openai.project-key", "openai.service-account-key", "openai.user-key")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="deleting cannot be taken back; new keys are a service account's",
    runbook="https://platform.openai.com/api-keys",
)


class Rotator(TokenProvider):
    """Settings: project, service_account, endpoint, token_env or token_file (an admin key)."""

    service = "openai"
    base = "https://api.openai.com"
    who = "/v1/models"

    def identify(self) -> Identity:
        """Find the key by its redacted form."""
        keys = self.api().pages(self._keys, "data", "last_id", "after")
        key = require_one([k for k in keys if matches_hint(self.case.leak.secret, k.get("redacted_value", ""))], "keys")
        owner = (key.get("owner") or {}).get("type", "")
        return Identity(
            handle=key["id"],
            account=self.label(self.need("project")),
            principal=f"{owner} {key.get('name') or ''}".strip(),
            created=str(key.get("created_at", "")),
            last_used=str(key.get("last_used_at") or ""),
        )

    def narrow(self, capability: Capability) -> Capability:
        """See `contracts.Rotator`."""
        return capability._replace(can_reissue=bool(self.case.settings.get("service_account")))

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        delete = (f"DELETE {self._keys}/{self.case.handles.get('handle')}",)
        return {StepKind.MINT: (f"POST {self._new}",), StepKind.CONTAIN: delete, StepKind.DISABLE: delete}.get(
            kind
        ) or super().calls(kind)

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        answer = self.api().call("POST", self._new, json={"name": self.name})
        return NewCredential({"value": Secret(answer.get("value").encode())}, {"new_handle": answer.get("id")})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        keys: list[Any] = self.api().pages(self._keys, "data", "last_id", "after")
        return tuple(key["id"] for key in keys if key.get("name") == self.name)

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self.api().call("DELETE", f"{self._keys}/{handle}", accept=(404,))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}

    @property
    def _keys(self) -> str:
        return f"/v1/organization/projects/{self.need('project')}/api_keys"

    @property
    def _new(self) -> str:
        account = self.case.settings.get("service_account")
        return f"/v1/organization/projects/{self.need('project')}/service_accounts/{account}/api_keys"
