"""npm access tokens: found in the list by their ends, deleted by their key.

Making one asks for password and one-time code: that is for a person, or for
trusted publishing, which needs no token. It takes up to an hour to end one.
"""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core import http, operator_credentials
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, StepKind, UnexpectedState
from rotators.core.provider import TokenProvider, require_one

SERVES = ("npm.access-token*",)

CAPABILITY = Capability(
    can_contain=True,
    limits="up to an hour until it ends; cannot be taken back",
    runbook="https://docs.npmjs.com/trusted-publishers",
)

PATH = "/-/npm/v1/tokens"


class Rotator(TokenProvider):
    """Settings: endpoint, token_env or token_file (otherwise the leaked token lists and deletes itself)."""

    service = "npm"
    base = "https://registry.npmjs.org"
    who = "/-/whoami"

    def describe(self, found: Any) -> Identity:
        """Find the key of the token in the list."""
        listed = self._api().call("GET", PATH).get("objects")
        mine = require_one([entry for entry in listed if self._matches(str(entry["token"]))], "tokens")
        facts = (("read only", str(mine.get("readonly", False)).lower()),)
        return Identity(mine["key"], self.label(found["username"]), created=str(mine.get("created", "")), facts=facts)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        delete = (f"DELETE {PATH}/token/{self.case.handles.get('handle')}",)
        return {StepKind.CONTAIN: delete, StepKind.DISABLE: delete}.get(kind) or super().calls(kind)

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        answer = self._api().call("DELETE", f"{PATH}/token/{self.case.handles['handle']}", accept=(401, 404))
        if answer.status == 401 and self.ask(self.case.leak.secret) is not None:
            raise UnexpectedState("npm does not let this identity delete the token")
        return {}

    def _api(self) -> http.ApiClient:
        mine: Secret | None = None if operator_credentials.has_credential(self.case.settings) else self.case.leak.secret
        return self.api(mine)

    def _matches(self, shown: str) -> bool:
        leaked = http.reveal_text(self.case.leak.secret)
        return leaked.startswith(shown[:8]) and leaked.endswith(shown[-4:])
