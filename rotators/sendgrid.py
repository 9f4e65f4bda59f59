"""SendGrid API keys: the id is spelled in the key, and the scopes are copied."""

from __future__ import annotations

from detector.secret import Secret
from rotators.core import http
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("sendgrid.api-key",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="at most 100 keys; deleting cannot be taken back",
    runbook="https://app.sendgrid.com/settings/api_keys",
)


class Rotator(TokenProvider):
    """Settings: account, endpoint, token_env or token_file (a key that may manage keys)."""

    service = "sendgrid"
    base = "https://api.sendgrid.com"
    who = "/v3/scopes"
    dead = (401, 403)

    def identify(self) -> Identity:
        """The id is the second part of ``SG.id.secret``."""
        key = http.reveal_text(self.case.leak.secret).split(".")[1]
        found = self.api().call("GET", f"/v3/api_keys/{key}")
        facts = (("name", found.get("name")), ("scopes", ", ".join(found.get("scopes"))))
        return Identity(key, self.label(self.case.settings.get("account", "default")), facts=facts)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        delete = (f"DELETE /v3/api_keys/{self.case.handles.get('handle')}",)
        return {StepKind.MINT: ("POST /v3/api_keys",), StepKind.CONTAIN: delete, StepKind.DISABLE: delete}.get(
            kind
        ) or super().calls(kind)

    def create(self, values: Values) -> NewCredential:
        """Make a key with the old one's scopes."""
        scopes = self.api().call("GET", f"/v3/api_keys/{self.case.handles['handle']}").get("scopes")
        answer = self.api().call("POST", "/v3/api_keys", json={"name": self.name, "scopes": scopes})
        return NewCredential(
            {"value": Secret(answer.get("api_key").encode())}, {"new_handle": answer.get("api_key_id")}
        )

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        listed = self.api().call("GET", "/v3/api_keys").get("result")
        return tuple(key["api_key_id"] for key in listed if key["name"] == self.name)

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self.api().call("DELETE", f"/v3/api_keys/{handle}", accept=(404,))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}
