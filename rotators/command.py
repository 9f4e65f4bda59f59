"""One's own rotator as a program: it reads a request on standard input and answers on standard output.

The request is JSON: `verb`, `run`, `leak` (rule, fingerprint), `secrets`
(leaked values, and new ones where they are ours), `handles`. The answer is
JSON: what the verb promises. Values travel on pipes alone: never in arguments,
never in the environment, and the program's own messages are not quoted.
"""

from __future__ import annotations

import base64
from typing import Any

from detector.secret import Secret
from rotators.core import contracts, external_program
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, Proof, ProofState, StepKind, UnexpectedState

SERVES = ()

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    reversible_disable=True,
    can_delete=True,
    limits="what the program behind it can do",
)

TESTED = "a program"


class Rotator(contracts.Rotator):
    """Settings: command (a list), verbs (those it knows), fields, pass_env, timeout."""

    @property
    def fields(self) -> tuple[str, ...]:  # type: ignore[override]
        """The fields of what the program makes."""
        return tuple(self.case.settings.get("values", ("value",)))

    def identify(self) -> Identity:
        """See `contracts.Rotator`."""
        found = self._run_verb("identify")
        return Identity(str(found["handle"]), str(found["account"]), str(found.get("principal", "")))

    def narrow(self, capability: Capability) -> Capability:
        """Only what `verbs` names is possible."""
        verbs = set(self.case.settings.get("verbs", ()))
        return capability._replace(
            can_contain="disable" in verbs,
            can_reissue="create" in verbs,
            reversible_disable="enable" in verbs,
            can_delete="delete" in verbs,
        )

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return (f"{self._describe_target()} ({kind})",)

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        found = self._run_verb("create")
        made = {name: Secret(base64.b64decode(text)) for name, text in found["secrets"].items()}
        return NewCredential(made, {"new_handle": str(found["handle"])})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return tuple(map(str, self._run_verb("strays").get("handles", ()))) if self._knows("strays") else ()

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self._run_verb("discard", handle=handle)

    def verify_new(self, values: Values) -> Proof:
        """See `contracts.Rotator`."""
        return self._run_check("verify_new", values)

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        return self._run_check("verify_dead")

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self._run_verb("disable")
        return {}

    def delete(self) -> Handles:
        """See `contracts.Rotator`."""
        self._run_verb("delete")
        return {}

    def undo(self, kind: StepKind) -> None:
        """See `contracts.Rotator`."""
        self._run_verb("enable")

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        return {"value": self.case.leak.secret} if self.fields == ("value",) else {}

    def _run_check(self, verb: str, values: Values | None = None) -> Proof:
        if not self._knows(verb):
            return Proof(ProofState.UNVERIFIABLE, f"it has no {verb}")
        found = self._run_verb(verb, values)
        if found["state"] not in tuple(ProofState):
            raise UnexpectedState(
                f"{self._describe_target()} answers to {verb} with a state that is none of {', '.join(ProofState)}"
            )
        return Proof(ProofState(found["state"]), str(found.get("why", "")))

    def _knows(self, verb: str) -> bool:
        return verb in self.case.settings.get("verbs", ())

    def _describe_target(self) -> str:
        return str(self.case.settings["command"][0])

    def _run_verb(self, verb: str, values: Values | None = None, **more: str) -> dict[str, Any]:
        leak = self.case.leak
        given = {"leaked": leak.secret, **{f"leaked.{name}": part for name, part in leak.parts.items()}}
        given |= {f"new.{name}": value for name, value in (values or {}).items()}
        request = {
            "verb": verb,
            "run": self.case.run,
            "leak": {"rule": leak.rule_id, "fingerprint": leak.fingerprint},
            "secrets": {name: base64.b64encode(value.reveal()).decode() for name, value in given.items()},
            "handles": self.case.handles,
            **more,
        }
        return self._send(request)

    def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        return external_program.run_program(self.case.settings, request)
