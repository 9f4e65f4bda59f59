"""Credentials whose provider offers no call: a person ends them, and their death is proven where that can be asked.

The plan says where and how, so that the clock of the incident, the log and the proof
are the same as for every other credential. That a person says "done" proves nothing:
where the rule has a probe, it asks.
"""

from __future__ import annotations

from detector.model import VerdictState
from rotators.core import contracts
from rotators.core.model import Capability, Facet, FacetReport, FacetState, Identity, Proof, ProofState, StepKind

SERVES = (
    "aws.appsync-*",
    "aws.bedrock-session-*",
    "aws.mws-*",
    "hashicorp.vault-unseal-*",
    "openbao.unseal-*",
    "vault.recovery-*",
    "vault.unseal-*",
)
"""Kinds that another rotator would take for its own: an unseal key is no token, an AppSync key none of IAM."""

CAPABILITY = Capability(limits="the provider offers no call to end this credential")

TESTED = "PostgreSQL"

PROOFS = {VerdictState.LIVE: ProofState.ALIVE, VerdictState.DEAD: ProofState.DEAD}


class Rotator(contracts.Rotator):
    """Settings: hosts, allow_internal: as for `leakfirst verify`, besides those of the operator's file."""

    def identify(self) -> Identity:
        """All that is known is the finding."""
        return Identity(self.case.leak.fingerprint, "by-hand")

    def narrow(self, capability: Capability) -> Capability:
        """Show the way that the rule describes, and ask afterwards if the rule has a probe."""
        return capability._replace(runbook=self.case.leak.runbook, provable=self.case.leak.ask is not None)

    def unprovable(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return () if self.case.leak.ask else ("whether it is dead: its rule has no probe",)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return ("the probe of the rule, with the leaked value",) if kind == StepKind.PROVE_DEAD else ()

    def verify_dead(self) -> Proof:
        """Ask by the probe of the rule."""
        if self.case.leak.ask is None:
            return Proof(ProofState.UNVERIFIABLE, "its rule has no probe")
        state, why = self.case.leak.ask(self.case.settings)
        return Proof(PROOFS.get(VerdictState(state), ProofState.UNVERIFIABLE), why or f"its probe says {state}")

    def report_rest(self) -> tuple[FacetReport, ...]:
        """What was opened or made with the credential nobody can ask here."""
        why = "what was opened or made with it: no call tells"
        return (FacetReport(Facet.SESSIONS, FacetState.UNKNOWN, why),)
