"""Datadog API and application keys; both ends are eventually consistent."""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core import http, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, Proof, ProofState, StepKind
from rotators.core.provider import TokenProvider, matches_hint, require_one

SERVES = ("datadog.api-key", "datadog.application-key")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="changes take a while in both directions",
    runbook="https://app.datadoghq.com/organization-settings/api-keys",
)


class Rotator(TokenProvider):
    """Settings: endpoint (your site), account, token_env (API key), application_key_env."""

    service = "datadog"
    base = "https://api.datadoghq.com"
    who = "/api/v1/validate"
    dead = (401, 403)

    def headers(self, secret: Secret) -> dict[str, str]:
        """See `TokenProvider`."""
        return {"dd-api-key": http.reveal_text(secret)}

    def identify(self) -> Identity:
        """Find the key by its last four characters."""
        listed = self._admin_api().call("GET", self._keys, params={"page[size]": "100"}).get("data")
        fitting = [k for k in listed if matches_hint(self.case.leak.secret, k["attributes"].get("last4", ""))]
        key = require_one(fitting, "keys")
        facts = (("name", key["attributes"].get("name", "")),)
        created = str(key["attributes"].get("created_at", ""))
        return Identity(
            key["id"], self.label(self.case.settings.get("account", "default")), created=created, facts=facts
        )

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        delete = (f"DELETE {self._keys}/{self.case.handles.get('handle')}",)
        return {StepKind.MINT: (f"POST {self._keys}",), StepKind.CONTAIN: delete, StepKind.DISABLE: delete}.get(
            kind
        ) or super().calls(kind)

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        body = {"data": {"type": self._kind, "attributes": {"name": self.name}}}
        answer = self._admin_api().call("POST", self._keys, json=body)
        key = answer.get("data", "attributes", "key")
        return NewCredential({"value": Secret(key.encode())}, {"new_handle": answer.get("data", "id")})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        listed: list[Any] = self._admin_api().call("GET", self._keys, params={"filter": self.name}).get("data")
        return tuple(key["id"] for key in listed if key["attributes"].get("name") == self.name)

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self._admin_api().call("DELETE", f"{self._keys}/{handle}", accept=(404,))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}

    def verify_new(self, values: Values) -> Proof:
        """An application key alone cannot be tried."""
        if self._kind == "application_keys":
            return Proof(ProofState.UNVERIFIABLE, "an application key works only beside an API key")
        return super().verify_new(values)

    def verify_dead(self) -> Proof:
        """See `TokenProvider`; an application key is looked for in the list."""
        if self._kind == "api_keys":
            return super().verify_dead()
        answer = self._admin_api().call("GET", f"{self._keys}/{self.case.handles['handle']}", accept=(404,))
        return Proof(ProofState.DEAD, "it is gone") if answer.status == 404 else Proof(ProofState.ALIVE, "it is listed")

    @property
    def _kind(self) -> str:
        return "application_keys" if "application" in self.case.leak.rule_id else "api_keys"

    @property
    def _keys(self) -> str:
        return f"/api/v2/{self._kind}"

    def _admin_api(self) -> http.ApiClient:
        application = operator_credentials.read_credential(self.case.settings, "application_key")
        headers = self.headers(operator_credentials.read_credential(self.case.settings))
        return http.ApiClient(self.endpoint, {**headers, "dd-application-key": http.reveal_text(application)})
