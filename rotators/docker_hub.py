"""Docker Hub personal access tokens: switched off, and later deleted.

A token's uuid cannot be derived from it: name it, or its label, in the policy.
"""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core import http, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, StepKind
from rotators.core.provider import TokenProvider, require_one

SERVES = ("docker.pat",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    reversible_disable=True,
    can_delete=True,
    limits="sessions that are logged in already keep their bearer token for minutes",
    runbook="https://app.docker.com/settings/personal-access-tokens",
)

PATH = "/v2/access-tokens"


class Rotator(TokenProvider):
    """Settings: user, uuid or label, scopes, endpoint, token_env or token_file (password or admin token)."""

    service = "docker-hub"
    base = "https://hub.docker.com"

    def identify(self) -> Identity:
        """See `contracts.Rotator`."""
        wanted = self.case.settings.get("uuid") or self.need("label")
        listed = self._session_api().call("GET", PATH, params={"page_size": "100"}).get("results")
        mine = require_one([t for t in listed if wanted in (t["uuid"], t["token_label"])], "tokens")
        facts = (("label", mine["token_label"]), ("scopes", ", ".join(mine.get("scopes", ()))))
        used = str(mine.get("last_used") or "")
        return Identity(mine["uuid"], self.label(self.need("user")), last_used=used, facts=facts)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        path = f"{PATH}/{self.case.handles.get('handle')}"
        off = (f"PATCH {path} is_active=false",)
        shown = {
            StepKind.MINT: (f"POST {PATH}",),
            StepKind.CONTAIN: off,
            StepKind.DISABLE: off,
            StepKind.DELETE: (f"DELETE {path}",),
        }
        return shown.get(kind) or super().calls(kind)

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        scopes = list(self.case.settings.get("scopes", ("repo:read",)))
        answer = self._session_api().call("POST", PATH, json={"token_label": self.name, "scopes": scopes})
        return NewCredential({"value": Secret(answer.get("token").encode())}, {"new_handle": answer.get("uuid")})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        listed = self._session_api().call("GET", PATH, params={"page_size": "100"}).get("results")
        return tuple(token["uuid"] for token in listed if token["token_label"] == self.name)

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self._session_api().call("DELETE", f"{PATH}/{handle}", accept=(404,))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self._set_active(active=False)
        return {}

    def delete(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}

    def undo(self, kind: StepKind) -> None:
        """See `contracts.Rotator`."""
        self._set_active(active=True)

    def ask(self, secret: Secret) -> Any | None:
        """Log in with it."""
        body = {"identifier": self.need("user"), "secret": http.reveal_text(secret)}
        answer = self.nobody().call("POST", "/v2/auth/token", json=body, accept=(401,))
        return None if answer.status == 401 else answer.data

    def _set_active(self, *, active: bool) -> None:
        self._session_api().call("PATCH", f"{PATH}/{self.case.handles['handle']}", json={"is_active": active})

    def _session_api(self) -> http.ApiClient:
        session = self.ask(operator_credentials.read_credential(self.case.settings))
        return http.ApiClient(
            self.endpoint, http.bearer_header(Secret(str((session or {}).get("access_token")).encode()))
        )
