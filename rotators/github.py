"""GitHub personal, OAuth and app user tokens: revoked by showing them.

The revocation call is made *without* identity (an identity is refused) and is
queued: 202 says nothing about when. It works on anybody's token, cannot be
taken back, and mails the owner. GitHub has no call that makes a new token.
"""

from __future__ import annotations

from typing import Any

from rotators.core import http
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, Proof, ProofState, StepKind
from rotators.core.provider import TokenProvider

SERVES = ("github.pat-*", "github.oauth-token", "github.app-user-token", "github.app-refresh-token*")

CAPABILITY = Capability(
    can_contain=True,
    limits="60 calls per hour; cannot be taken back; GitHub mails the owner",
    runbook="https://github.com/settings/tokens",
)

REVOKE = ("POST /credentials/revoke",)


class Rotator(TokenProvider):
    """Settings: endpoint (GitHub Enterprise Server: with token_env)."""

    service = "github"
    base = "https://api.github.com"
    who = "/user"
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def identify(self) -> Identity:
        """A refresh token cannot be asked; its owner stays unknown."""
        if self._is_refresh():
            return Identity(self.case.leak.fingerprint, self.label("unknown"))
        return super().identify()

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        return Identity(self.case.leak.fingerprint, self.label(found["login"]), f"user {found['login']}")

    def disable(self) -> Handles:
        """Hand the token in."""
        api = self.api() if "token_env" in self.case.settings else self.nobody()
        api.call(
            "POST", "/credentials/revoke", json={"credentials": [http.reveal_text(self.case.leak.secret)]}, ok=(202,)
        )
        return {}

    def verify_dead(self) -> Proof:
        """See `TokenProvider`."""
        if self._is_refresh():
            return Proof(ProofState.UNVERIFIABLE, "a refresh token cannot be asked without using it up")
        return super().verify_dead()

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        return () if kind == StepKind.PROVE_DEAD and self._is_refresh() else super().calls(kind)

    def _is_refresh(self) -> bool:
        return self.case.leak.rule_id.startswith("github.app-refresh")
