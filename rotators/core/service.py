"""Rotations in one state folder: plan, approve, apply, resume, undo, look.

The command line, the response to incidents and the hook that reacts to live
findings all use this service, so none can do what the others may not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from detector.errors import RotationError, UsageError
from rotators.core import approvals, catalogue, identities, runs
from rotators.core.approvals import POLICY as POLICY
from rotators.core.executor import Executor
from rotators.core.journal import Journal, JournalEntry, JournalPhase
from rotators.core.journalled_run import Outcome
from rotators.core.locks import local_key
from rotators.core.model import Clock, Decision, Leak, Order, RotationPlan
from rotators.core.planner import is_expired, make_plan
from rotators.core.policy import Policy
from rotators.core.runs import Progress

SYSTEM_CLOCK = Clock(time.time, time.sleep)


def state_folder() -> str:
    """Return where plans and journal are kept (``LEAKFIRST_HOME``/rotations). Raises `UsageError`."""
    from detector import fingerprint

    folder = fingerprint.find_state_folder()
    if not folder:
        raise UsageError("this user has no home folder to keep plans and journal in; set LEAKFIRST_HOME to a folder")
    return os.path.join(folder, "rotations")


class RotationService:
    """Rotations of one operator under one policy."""

    def __init__(self, policy: Policy, folder: str = "", clock: Clock = SYSTEM_CLOCK) -> None:
        self.folder = folder or state_folder()
        self._policy, self._clock = policy, clock
        self._key = local_key(self.folder)
        self.journal = Journal(self.folder, self._key, clock)

    def make_plan(
        self, leak: Leak, *, rotator: str | None = None, order: Order | None = None, made_by: str = ""
    ) -> RotationPlan:
        """Look at *leak* and keep a plan for it; nothing is changed anywhere."""
        plan = make_plan(
            leak,
            self._policy,
            self.folder,
            self._key,
            self._clock,
            rotator_name=rotator,
            order=order,
            made_by=made_by,
        )
        runs.save_plan(self.folder, plan)
        self.journal.append(
            plan.id,
            "plan",
            JournalPhase.NOTE,
            {"digest": plan.digest, "fingerprint": plan.fingerprint, "by": plan.made_by},
        )
        return plan

    def approve(self, plan: RotationPlan, digest: str, by: str, scope: str = runs.ApprovalScope.ALL) -> None:
        """Note that *by* approves the plan with *digest*, wholly or up to what can be taken back."""
        if len(digest) < 16 or not plan.digest.startswith(digest):
            raise UsageError(f"the digest of this plan is {plan.digest[:16]}…; look at it before you approve")
        if self._policy.approvals.approvers and by != POLICY:
            raise UsageError(
                "the policy wants signed approvals: write one with --write FILE, sign it, add it with --add"
            )
        self._check_not_expired(plan)
        self.journal.append(
            plan.id, runs.RunEvent.APPROVE, JournalPhase.DONE, {"digest": plan.digest, "scope": scope, "by": by}
        )

    def write_approval(self, plan: RotationPlan, scope: str, by: str, lasts: int, steps: tuple[str, ...] = ()) -> bytes:
        """Return the document that *by* has to sign; it holds for *lasts* seconds."""
        return approvals.make_document(plan, scope, by, self._clock.now() + lasts, steps)

    def add_approval(self, plan: RotationPlan, document: bytes, signature: str) -> approvals.Approval:
        """Check a signed approval and note it. Raises `RotationError` unless it is valid now."""
        rules = self._policy.approvals
        if not rules.approvers:
            raise UsageError("the policy has no [approvals] approvers to check a signature with")
        if len(document) + len(signature) > approvals.MAX_BYTES:
            raise UsageError("this is too long for a signed approval")
        self._check_not_expired(plan)
        found = approvals.read_document(document, plan, self._clock.now(), rules.longest)
        key = approvals.verify_signature(document, signature, found.by, rules)
        facts = {"by": found.by, "key": key, "document": document.decode(), "signature": signature}
        if found.scope == approvals.SignedScope.MADE:
            self.journal.append(plan.id, "plan", JournalPhase.NOTE, {**facts, "digest": plan.digest})
            return found
        scope = runs.ApprovalScope.ALL if found.scope == approvals.SignedScope.FINAL else runs.ApprovalScope.REVERSIBLE
        self.journal.append(
            plan.id, runs.RunEvent.APPROVE, JournalPhase.DONE, {**facts, "digest": plan.digest, "scope": scope}
        )
        return found

    def _check_not_expired(self, plan: RotationPlan) -> None:
        if is_expired(plan, self._clock) and not self.read_progress(plan).started:
            raise RotationError("the plan has expired; make a new one")

    def approve_by_policy(self, plan: RotationPlan) -> str:
        """Approve what the policy lets happen by itself, and return how far that goes: a scope, or "" for nothing."""
        scope = {Decision.AUTO: runs.ApprovalScope.REVERSIBLE, Decision.AUTO_FINAL: runs.ApprovalScope.ALL}.get(
            plan.decision, ""
        )
        if scope:
            self.approve(plan, plan.digest, POLICY, scope)
        return scope

    def open_run(self, plan: RotationPlan, leak: Leak) -> Executor:
        """Return the run of *plan*."""
        return Executor(plan, leak, self._policy, self.folder, self._key, self._clock)

    def apply(self, plan: RotationPlan, leak: Leak) -> Outcome:
        """Begin an approved plan, or go on with a begun one."""
        return self.open_run(plan, leak).apply()

    def load_plan(self, name: str) -> RotationPlan:
        """Return a plan by its id or the path of its file."""
        return runs.load_plan(self.folder, name)

    def list_plans(self) -> list[RotationPlan]:
        """Return every plan made here, oldest first."""
        return runs.list_plans(self.folder)

    def read_progress(self, plan: RotationPlan) -> Progress:
        """Return how far *plan* came."""
        return runs.read_progress(self.journal.entries(plan.id))

    def list_entries(self, plan: RotationPlan | None = None) -> list[JournalEntry]:
        """Return the journal, of one run or of all."""
        return self.journal.entries(plan.id if plan else None)

    def list_old(self, rotator: str, older_than: int) -> Iterator[Leak]:
        """List credentials older than *older_than* seconds, for a rotation without a leak."""
        module: Any = catalogue.load_rotator(rotator)
        if not hasattr(module, "inventory"):
            raise UsageError(f"{rotator} cannot list credentials by age")
        table = catalogue.select_settings(self._policy.rotators, rotator)
        account = f"aws:{table['account']}" if "account" in table else ""
        settings = identities.complete_settings(self._policy.identities, table, account)
        found: Iterator[Leak] = module.inventory(settings, self._clock.now() - older_than)
        yield from found
