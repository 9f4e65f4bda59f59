"""The auth token of a Twilio account: a secondary one works beside it, and is then promoted.

Promotion ends the primary token and takes about a minute.
"""

from __future__ import annotations

from detector.secret import Secret
from rotators.core import http, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("twilio.auth-token", "twilio.account-sid-and-token")

CAPABILITY = Capability(
    can_reissue=True,
    can_contain=True,
    limits="promotion cannot be taken back and takes about a minute",
    runbook="https://console.twilio.com/us1/account/keys-credentials/api-keys",
)


class Rotator(TokenProvider):
    """Settings: account (AC…), endpoint, accounts_endpoint, main_key_sid, token_env or token_file (a main key)."""

    service = "twilio"
    base = "https://api.twilio.com"
    acts = ((StepKind.MINT, ("POST /v1/AuthTokens/Secondary",)), (StepKind.DISABLE, ("POST /v1/AuthTokens/Promote",)))

    @property
    def who(self) -> str:  # type: ignore[override]
        """The account itself."""
        return f"/2010-04-01/Accounts/{self.need('account')}.json"

    def headers(self, secret: Secret) -> dict[str, str]:
        """See `TokenProvider`."""
        return http.basic_header(self.need("account"), secret)

    def identify(self) -> Identity:
        """See `TokenProvider`; the auth token opens its own account."""
        account = self.need("account")
        alive = self.ask(self.case.leak.secret) is not None
        return Identity(f"primary token of {account}", self.label(account), facts=(("alive", str(alive).lower()),))

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        token = self._accounts_api().call("POST", "/v1/AuthTokens/Secondary").get("secondary_auth_token")
        return NewCredential({"value": Secret(token.encode())}, {"new_handle": "secondary"})

    def strays(self) -> tuple[str, ...]:
        """There is room for one secondary token: a lost one is in the way."""
        return ("secondary",)

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self._accounts_api().call("DELETE", "/v1/AuthTokens/Secondary", accept=(404,))

    def disable(self) -> Handles:
        """Promote the secondary token, unless the primary one is dead already."""
        if self.ask(self.case.leak.secret) is not None:
            if "new_handle" not in self.case.handles:
                self._accounts_api().call("POST", "/v1/AuthTokens/Secondary", accept=(400,))
            self._accounts_api().call("POST", "/v1/AuthTokens/Promote")
        return {}

    def _accounts_api(self) -> http.ApiClient:
        base = str(self.case.settings.get("accounts_endpoint") or "https://accounts.twilio.com")
        password = operator_credentials.read_credential(self.case.settings)
        return http.ApiClient(base, http.basic_header(self.need("main_key_sid"), password))
