"""Passwords of Vault's userpass: we make the new one, and sweep old logins.

Changing a password leaves the tokens of earlier logins alive. Without a
destination for a new password, containing means a password that nobody knows.
"""

from __future__ import annotations

import secrets
from typing import Any

from detector.probes.core import answers
from detector.secret import Secret
from rotators.core import contracts, operator_credentials, vault
from rotators.core.contracts import Handles, Values
from rotators.core.model import (
    Capability,
    Identity,
    NewCredential,
    Overlap,
    Proof,
    ProofState,
    StepKind,
    UnexpectedState,
    ValueSource,
)

SERVES = ("vault.userpass*",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    overlap=Overlap.NONE,
    value_source=ValueSource.CLIENT,
    limits="one password per user: the old one ends when the new one is set",
)

TESTED = "OpenBao"


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, mount, user, length."""

    fields = ("username", "password")
    public = frozenset({"username"})

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return vault.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """See `contracts.Rotator`."""
        with vault.translate_errors("read user"):
            found = self._userpass().read_user(self._user, mount_point=self._mount)["data"]
        policies = found.get("token_policies") or found.get("policies") or []
        facts = (("policies", ", ".join(policies)),) if policies else ()
        self.case.handles["before.cluster"] = vault.read_cluster(self.case.settings)
        return Identity(f"{self._mount}/{self._user}", vault.account_name(self.case.settings), self._user, facts=facts)

    def blast_radius(self) -> tuple[tuple[str, str], ...]:
        """See `contracts.Rotator`."""
        return (("tokens to sweep", str(len(self._list_tokens()))),)

    def preconditions(self) -> Handles:
        """The server."""
        return {"cluster": vault.read_cluster(self.case.settings)}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        change = (f"auth/{self._mount}/users/{self._user}/password",)
        login = (f"auth/{self._mount}/login/{self._user}",)
        end = (*change, "auth/token/revoke-accessor for each login")
        return {
            StepKind.MINT: end,
            StepKind.CONTAIN: end,
            StepKind.DISABLE: end,
            StepKind.PROVE_NEW: login,
            StepKind.PROVE_DEAD: login,
        }.get(kind, ())

    def generate(self) -> Values:
        """See `contracts.Rotator`."""
        password = secrets.token_urlsafe(int(self.case.settings.get("length", 32)))
        return {"username": Secret(self._user.encode()), "password": Secret(password.encode())}

    def create(self, values: Values) -> NewCredential:
        """Set the password; setting it twice changes nothing."""
        self._set_password(values["password"])
        return NewCredential(values, {"new_handle": f"{self._mount}/{self._user}"})

    def promote(self) -> Handles:
        """End the logins made with the old password."""
        return self._revoke_tokens()

    def verify_new(self, values: Values) -> Proof:
        """See `contracts.Rotator`."""
        return Proof(ProofState.ALIVE if self._login(values["password"]) else ProofState.DEAD, "signed in and out")

    def disable(self) -> Handles:
        """Set a password that nobody knows, and end the logins."""
        if self._login(self.case.leak.secret):
            self._set_password(Secret(secrets.token_urlsafe(48).encode()))
        return self._revoke_tokens()

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        return vault.prove_dead(self.case, lambda: self._login(self.case.leak.secret) or None, "old password")

    def undo(self, kind: StepKind) -> None:
        """Set the old password again."""
        self._set_password(self.case.leak.secret)

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        return {"username": Secret(self._user.encode()), "password": self.case.leak.secret}

    # -- calls ---------------------------------------------------------------

    @property
    def _mount(self) -> str:
        return str(self.case.settings.get("mount", "userpass"))

    @property
    def _user(self) -> str:
        return operator_credentials.require_setting(self.case.settings, "user")

    def _userpass(self) -> Any:
        return vault.make_client(self.case.settings).auth.userpass

    def _set_password(self, password: Secret) -> None:
        with vault.translate_errors("password"):
            self._userpass().update_password_on_user(self._user, password.reveal().decode(), mount_point=self._mount)

    def _login(self, password: Secret) -> bool:
        """Sign in and out again; False when the password is refused."""
        path = f"auth/{self._mount}/login/{self._user}"
        reply = vault.ask(self.case.settings, path, {"password": password.reveal().decode()})
        answer = reply.judge(answers.VAULT_LOGIN)
        if answer.means == answers.Meaning.DEAD:
            return False
        if answer.means != answers.Meaning.LIVE:
            raise UnexpectedState(f"login: {answer.why}")
        token = Secret(str(reply.data["client_token"]).encode())
        with vault.translate_errors("logout"):
            vault.make_client(self.case.settings, token).auth.token.revoke_self()
        return True

    def _list_tokens(self) -> list[str]:
        return vault.find_accessors(self.case.settings, f"auth/{self._mount}/login/{self._user}", {})

    def _revoke_tokens(self) -> Handles:
        tokens = self._list_tokens()
        vault.revoke_accessors(self.case.settings, tokens)
        return {"swept": str(len(tokens))}
