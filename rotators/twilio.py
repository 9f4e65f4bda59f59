"""Twilio API keys (SK…). Main keys are made in the console only."""

from __future__ import annotations

import re
from typing import Any

from detector.secret import Secret
from rotators.core import http, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, Proof, ProofState, StepKind, UnexpectedState
from rotators.core.provider import TokenProvider

SERVES = ("twilio.api-key",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="deleting cannot be taken back",
    runbook="https://console.twilio.com/us1/account/keys-credentials/api-keys",
)


class Rotator(TokenProvider):
    """Settings: account (AC…), endpoint, token_env or token_file (the auth token, or a main key with main_key_sid)."""

    service = "twilio"
    base = "https://api.twilio.com"
    fields = ("sid", "secret")
    public = frozenset({"sid"})

    def identify(self) -> Identity:
        """The key's id is part of the finding."""
        sid = self._find_leaked_sid()
        found = self._admin_api().call("GET", f"{self._keys}/{sid}.json")
        facts = (("name", str(found.get("friendly_name"))),)
        return Identity(sid, self.label(self.need("account")), created=str(found.get("date_created")), facts=facts)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        delete = (f"DELETE {self._keys}/{self.case.handles.get('handle')}.json",)
        return {StepKind.MINT: (f"POST {self._keys}.json",), StepKind.CONTAIN: delete, StepKind.DISABLE: delete}.get(
            kind, ()
        )

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        answer = self._admin_api().call("POST", f"{self._keys}.json", data={"FriendlyName": self.name})
        sid = answer.get("sid")
        made = {"sid": Secret(sid.encode()), "secret": Secret(answer.get("secret").encode())}
        return NewCredential(made, {"new_handle": sid})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        listed = self._admin_api().call("GET", f"{self._keys}.json").get("keys")
        return tuple(key["sid"] for key in listed if key["friendly_name"] == self.name)

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self._admin_api().call("DELETE", f"{self._keys}/{handle}.json", accept=(404,))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}

    def verify_new(self, values: Values) -> Proof:
        """See `contracts.Rotator`."""
        works = self._is_accepted(http.reveal_text(values["sid"]), values["secret"])
        return Proof(ProofState.ALIVE if works else ProofState.DEAD, "asked for the latest message")

    def verify_dead(self) -> Proof:
        """Try it where its secret was found; otherwise look for it in the list."""
        sid = self.case.handles["handle"]
        secret = next((v for v in self.case.leak.values() if re.fullmatch(rb"[0-9A-Za-z]{32}", v.reveal())), None)
        if secret is not None:
            return Proof(ProofState.ALIVE if self._is_accepted(sid, secret) else ProofState.DEAD, "tried it")
        answer = self._admin_api().call("GET", f"{self._keys}/{sid}.json", accept=(404,))
        return Proof(ProofState.DEAD, "it is gone") if answer.status == 404 else Proof(ProofState.ALIVE, "it is listed")

    def _is_accepted(self, sid: str, secret: Secret) -> bool:
        api = http.ApiClient(self.endpoint, http.basic_header(sid, secret))
        path = f"/2010-04-01/Accounts/{self.need('account')}/Messages.json?PageSize=1"
        return api.call("GET", path, accept=(401,)).status != 401

    def _find_leaked_sid(self) -> str:
        for value in self.case.leak.values():
            if match := re.fullmatch(rb"SK[0-9a-f]{32}", value.reveal()):
                return match[0].decode()
        raise UnexpectedState("the finding has no key id (SK…)")

    @property
    def _keys(self) -> str:
        return f"/2010-04-01/Accounts/{self.need('account')}/Keys"

    def _admin_api(self) -> http.ApiClient:
        user: Any = self.case.settings.get("main_key_sid") or self.need("account")
        return http.ApiClient(
            self.endpoint, http.basic_header(str(user), operator_credentials.read_credential(self.case.settings))
        )
