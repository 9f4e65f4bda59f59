"""What most token providers have in common, so that each rotator is a page.

A token shows itself in a header and is asked "who are you?"; an answer means
alive, a refusal in the service's own form means dead. Providers that list keys only by a hint are asked by the
operator's credentials. New keys carry the run in their name: that is how a lost one is
found again.
"""

from __future__ import annotations

from typing import Any

from detector.probes.core import answers
from detector.secret import Secret
from rotators.core import contracts, http, operator_credentials
from rotators.core.contracts import Values
from rotators.core.model import Identity, Proof, ProofState, StepKind, UnexpectedState


class TokenProvider(contracts.Rotator):
    """A token provider at `base`; settings: endpoint, token_env or token_file, account."""

    service = ""
    base = ""
    who = "/"
    dead: tuple[int, ...] = (401,)
    acts: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        shown = dict(self.acts)
        if kind in shown:
            return shown[kind]
        return (f"GET {self.who}",) if kind in (StepKind.PROVE_NEW, StepKind.PROVE_DEAD, StepKind.PROVE_GONE) else ()

    def identify(self) -> Identity:
        """Ask the token who it is."""
        found = self.ask(self.case.leak.secret)
        if found is None:
            raise UnexpectedState(f"{self.service} does not accept the credential: it is dead already")
        return self.describe(found)

    def describe(self, found: Any) -> Identity:
        """Return the identity in the answer to `who`."""
        raise NotImplementedError

    def verify_new(self, values: Values) -> Proof:
        """See `contracts.Rotator`."""
        if self.ask(values[self.fields[-1]]) is None:
            return Proof(ProofState.DEAD, f"{self.service} does not accept it yet")
        return Proof(ProofState.ALIVE, f"{self.service} accepts it")

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        if self.ask(self.case.leak.secret) is None:
            return Proof(ProofState.DEAD, f"{self.service} does not accept it any more")
        return Proof(ProofState.ALIVE, f"{self.service} still accepts it")

    def preflight(self) -> None:
        """The operator's credentials must be set before anything is made."""
        if self.calls(StepKind.MINT):
            operator_credentials.read_credential(self.case.settings)

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        return {"value": self.case.leak.secret} if self.fields == ("value",) else {}

    # -- for subclasses ------------------------------------------------------

    @property
    def name(self) -> str:
        """The name that new credentials of this run get."""
        return f"leakfirst-{self.case.run[:12]}"

    @property
    def endpoint(self) -> str:
        """Where the API is."""
        return str(self.case.settings.get("endpoint") or self.base)

    def headers(self, secret: Secret) -> dict[str, str]:
        """Return how *secret* presents itself."""
        return http.bearer_header(secret)

    def api(self, secret: Secret | None = None) -> http.ApiClient:
        """Return the API with *secret*, or with the operator's credentials."""
        return http.ApiClient(
            self.endpoint, self.headers(secret or operator_credentials.read_credential(self.case.settings))
        )

    def nobody(self) -> http.ApiClient:
        """Return the API without any identity."""
        return http.ApiClient(self.endpoint)

    def ask(self, secret: Secret) -> Any | None:
        """Return the answer to "who are you?", or None when *secret* is dead.

        Raises `UnexpectedState` for a refusal that is not the service's own.
        """
        answer = self.api(secret).call("GET", self.who, accept=self.dead)
        if answer.status not in self.dead:
            return answer.data
        proven = answer.judge(self.service)
        if proven.means == answers.Meaning.DEAD:
            return None
        raise UnexpectedState(f"{self.service}: {proven.why}")

    def label(self, owner: object) -> str:
        """Return the account name for the policy's allow-list."""
        return f"{self.service}:{owner}"

    def need(self, setting: str) -> str:
        """Return a plain setting that has no default."""
        return operator_credentials.require_setting(self.case.settings, setting)


def matches_hint(secret: Secret, hint: str) -> bool:
    """Tell whether a redacted form such as ``sk-ab…wxyz`` or ``abcd`` fits *secret*.

    >>> matches_hint(Secret(b"sk-abcdefwxyz"), "sk-ab...wxyz"), matches_hint(Secret(b"sk-abcdefwxyz"), "wxyz")
    (True, True)
    """
    text = http.reveal_text(secret)
    for dots in ("...", "…", "***", "*"):
        if dots in hint:
            head, _, tail = hint.partition(dots)
            return text.startswith(head) and text.endswith(tail.lstrip("*.…")) and bool(head or tail)
    return bool(hint) and text.endswith(hint)


def require_one(found: list[Any], what: str) -> Any:
    """Return the one element of *found*; none or several is a `UnexpectedState`."""
    if len(found) != 1:
        raise UnexpectedState(f"{len(found)} {what} fit the leaked value; name one in the policy")
    return found[0]
