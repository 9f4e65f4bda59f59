"""Client secrets of Entra (Azure AD) applications.

The API knows applications by *object id*, and old secrets by their first
three characters only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from detector.secret import Secret
from rotators.core import http
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, Proof, ProofState, StepKind
from rotators.core.provider import TokenProvider, require_one

SERVES = ("azure.entra-client-secret", "entra.*")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="access tokens fetched with the secret live for about an hour",
    runbook="https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps",
)


class Rotator(TokenProvider):
    """Settings: tenant, object_id, client_id, days, endpoint, login_endpoint, token_env or token_file (Graph)."""

    service = "entra"
    base = "https://graph.microsoft.com/v1.0"

    def identify(self) -> Identity:
        """Find the password by its hint."""
        hint = http.reveal_text(self.case.leak.secret)[:3]
        found = self._read_application()
        mine = require_one([p for p in found["passwordCredentials"] if p.get("hint") == hint], "client secrets")
        facts = (("name", str(mine.get("displayName"))), ("ends", str(mine.get("endDateTime"))))
        created = str(mine.get("startDateTime", ""))
        return Identity(mine["keyId"], self.label(self.need("tenant")), str(found["displayName"]), created, facts=facts)

    def unprovable(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return ("when the access tokens that the secret has fetched end: within about an hour",)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        remove, ask = (f"POST {self._path}/removePassword",), ("POST oauth2/v2.0/token",)
        return {
            StepKind.MINT: (f"POST {self._path}/addPassword",),
            StepKind.CONTAIN: remove,
            StepKind.DISABLE: remove,
            StepKind.PROVE_NEW: ask,
            StepKind.PROVE_DEAD: ask,
        }.get(kind, ())

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        end = datetime.fromtimestamp(self.case.clock.now(), UTC) + timedelta(days=self.case.settings.get("days", 180))
        body = {"passwordCredential": {"displayName": self.name, "endDateTime": end.isoformat(timespec="seconds")}}
        answer = self.api().call("POST", f"{self._path}/addPassword", json=body)
        return NewCredential({"value": Secret(answer.get("secretText").encode())}, {"new_handle": answer.get("keyId")})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        listed = self._read_application()["passwordCredentials"]
        return tuple(entry["keyId"] for entry in listed if entry.get("displayName") == self.name)

    def discard(self, handle: str) -> None:
        """Look first: removing an unknown password is an error."""
        if handle in {entry["keyId"] for entry in self._read_application()["passwordCredentials"]}:
            self.api().call("POST", f"{self._path}/removePassword", json={"keyId": handle})

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}

    def verify_new(self, values: Values) -> Proof:
        """See `contracts.Rotator`."""
        return self._try_secret(values["value"])

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        return self._try_secret(self.case.leak.secret)

    @property
    def _path(self) -> str:
        return f"/applications/{self.need('object_id')}"

    def _read_application(self) -> dict[str, Any]:
        found: dict[str, Any] = self.api().call("GET", self._path).data
        return found

    def _try_secret(self, secret: Secret) -> Proof:
        login = str(self.case.settings.get("login_endpoint") or "https://login.microsoftonline.com")
        body = {
            "grant_type": "client_credentials",
            "client_id": self.need("client_id"),
            "client_secret": http.reveal_text(secret),
            "scope": "https://graph.microsoft.com/.default",
        }
        answer = http.ApiClient(login).call(
            "POST", f"/{self.need('tenant')}/oauth2/v2.0/token", data=body, accept=(400, 401)
        )
        return (
            Proof(ProofState.ALIVE, "it fetches access tokens")
            if answer.status == 200
            else Proof(ProofState.DEAD, "it is refused")
        )
