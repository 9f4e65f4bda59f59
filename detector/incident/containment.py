"""Contain and replace live credentials: make a plan, check the policy, act, and record the result.

The rotators do the work (rotators/core). Their journal records the intention and the
result of each action, so that a process that dies here continues with the same run. What
the policy does not allow without approval is held for a person, with the command or the
page that helps.

Containment comes first and is fast. Making new credentials takes longer and has a queue
of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from detector.errors import LeakfirstError, RotationError, UsageError
from detector.incident.ledger import Ledger
from detector.incident.model import Credential, HoldKind, LineKind
from detector.incident.timeline import parse_time
from rotators.core.journal import JournalEntry, JournalPhase
from rotators.core.model import ACTS, Order, RotationPlan, StepKind
from rotators.core.planner import is_expired
from rotators.core.runs import RunEvent
from rotators.core.service import POLICY

if TYPE_CHECKING:
    from detector.model import Finding
    from rotators.core.journalled_run import Outcome
    from rotators.core.model import Clock, Leak
    from rotators.core.service import RotationService

MAX_PARALLEL = 8
"""Credentials that are contained at the same time, and as many that are replaced."""

OWN_CHECK_SECONDS = 60
"""A use within this time before a verdict may be our own verification."""

NEEDS_PERSON = "needs-person"


class Containment:
    """Contains and replaces several credentials in parallel. A context manager: leaving it waits for all."""

    def __init__(self, incident_id: str, ledger: Ledger, rotations: RotationService, order: str, clock: Clock) -> None:
        self._incident_id, self._ledger, self._rotations = incident_id, ledger, rotations
        self._order, self._clock = Order(order), clock
        self._containing = ThreadPoolExecutor(MAX_PARALLEL, "contain")
        self._replacing = ThreadPoolExecutor(MAX_PARALLEL, "reissue")
        self._futures: list[Future[None]] = []

    def __enter__(self) -> Containment:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._containing.shutdown(cancel_futures=True)
            self._replacing.shutdown(cancel_futures=True)
            return
        while self._futures:
            self._futures.pop(0).result()
        self._containing.shutdown()
        self._replacing.shutdown()

    def submit(self, finding: Finding, known: Credential) -> None:
        """Start to contain *finding* in the background. A failure for one credential stops no other."""
        leak = make_leak(known, finding)
        self._futures.append(self._containing.submit(self._guard, known, lambda: self._contain(known, leak)))

    def resume(self, known: Credential, leak: Leak, *, person_done: bool = False) -> None:
        """Continue the run of one credential now."""
        plan = self._rotations.load_plan(known.plan)
        self._guard(known, lambda: self._replace(known, plan, leak, person_done=person_done))

    def renew_plan(self, known: Credential, leak: Leak) -> RotationPlan:
        """Return the plan of *known*; one that expired before it was started is replaced and held for approval."""
        plan = self._get_plan(known, leak)
        if plan.id != known.plan:
            self._ensure_approval(known, plan)
        return plan

    def _contain(self, known: Credential, leak: Leak) -> None:
        plan = self._get_plan(known, leak)
        if not self._ensure_approval(known, plan):
            return
        run = self._rotations.open_run(plan, leak)
        if any(step.kind == StepKind.CONTAIN for step in plan.steps):
            outcome = run.contain()
            self._record_times(known, plan)
            if outcome.state == NEEDS_PERSON:
                self._hold_for_outcome(known, plan, outcome)
                return
        replace = self._replacing.submit(
            self._guard, known, lambda: self._replace(known, plan, leak, person_done=False)
        )
        self._futures.append(replace)

    def _replace(self, known: Credential, plan: RotationPlan, leak: Leak, *, person_done: bool) -> None:
        run = self._rotations.open_run(plan, leak)
        outcome = run.resume(person_done=True) if person_done else run.apply()
        self._record_times(known, plan)
        if outcome.state == NEEDS_PERSON:
            self._hold_for_outcome(known, plan, outcome)
        elif outcome.failed:
            why = f"contained only in part: {'; '.join(outcome.failed)}"
            self.hold(known, HoldKind.CHECK, why, command=f"leakfirst rotate status {plan.id[:12]}")
        else:
            self._release(known)

    # -- plans and approvals -----------------------------------------------------

    def _get_plan(self, known: Credential, leak: Leak) -> RotationPlan:
        """Return the existing plan if it can still be carried out, else a new one."""
        existing = load_local_plan(self._rotations, known)
        if existing is not None and (
            self._rotations.read_progress(existing).started or not is_expired(existing, self._clock)
        ):
            return existing
        if existing is None and self._has_approval(known, known.plan):
            raise RotationError(f"rotation {known.plan[:12]} was started on another machine; continue it there")
        plan = self._rotations.make_plan(leak, order=self._order)
        self._ledger.add(
            LineKind.PLAN,
            known.fingerprint,
            id=plan.id,
            digest=plan.digest,
            rotator=plan.rotator,
            decision=plan.decision,
            facts=[list(fact) for fact in plan.facts],
        )
        if last_use := dict(plan.facts).get("last used", ""):
            self._ledger.add(LineKind.USED, known.fingerprint, **_parse_last_use(last_use, known.times.confirmed))
        return plan

    def _ensure_approval(self, known: Credential, plan: RotationPlan) -> bool:
        """Return whether *plan* may be carried out; if not, hold it for a person."""
        if self._rotations.read_progress(plan).approved:
            self._record_approval(known, plan)
            return True
        by_hand = next((step for step in plan.steps if step.kind == StepKind.PERSON), None)
        if by_hand and not any(step.kind in ACTS for step in plan.steps):
            command = self._format_done_command(known)
            self.hold(known, HoldKind.BY_HAND, by_hand.title, link=by_hand.link, command=command)
            return False
        if self._rotations.approve_by_policy(plan):
            self._record_approval(known, plan)
            return True
        because = dict(plan.facts).get("needs approval because", "the policy requires approval")
        command = self._format_approve_command(plan)
        self.hold(known, HoldKind.APPROVE, f"its plan needs an approval ({because})", command=command)
        return False

    def _has_approval(self, known: Credential, plan_id: str) -> bool:
        approvals = (
            line for line in self._ledger.lines if line.kind == LineKind.APPROVED and line.subject == known.fingerprint
        )
        return any(line.facts.get("plan") == plan_id for line in approvals)

    def _record_approval(self, known: Credential, plan: RotationPlan) -> None:
        """Copy the approval of *plan* to the log unless it is there.

        It may have been given with `leakfirst rotate`, or just before the process was killed.
        """
        if self._has_approval(known, plan.id):
            return
        given = next(
            entry.facts for entry in reversed(self._rotations.list_entries(plan)) if entry.step == RunEvent.APPROVE
        )
        who = "the policy" if given["by"] == POLICY else given["by"]
        facts = {"plan": plan.id, "digest": given["digest"], "scope": given["scope"], "who": who}
        self._ledger.add(LineKind.APPROVED, known.fingerprint, **facts)

    def _format_approve_command(self, plan: RotationPlan) -> str:
        return f"leakfirst respond approve {self._incident_id} {plan.id[:12]} --digest {plan.digest[:16]}"

    def _format_done_command(self, known: Credential) -> str:
        return f"leakfirst respond approve {self._incident_id} {known.fingerprint[:16]} --done"

    # -- the log -----------------------------------------------------------------

    def hold(self, known: Credential, kind: HoldKind, why: str, *, link: str = "", command: str = "") -> None:
        """Record that *known* waits for a person, and why."""
        facts = {"kind": kind, "why": why, "link": link or known.runbook, "command": command}
        self._ledger.add(LineKind.HOLD, known.fingerprint, **facts)

    def _release(self, known: Credential) -> None:
        if any(line.kind == LineKind.HOLD and line.subject == known.fingerprint for line in self._ledger.lines):
            self._ledger.add(LineKind.HOLD, known.fingerprint, why="")

    def _hold_for_outcome(self, known: Credential, plan: RotationPlan, outcome: Outcome) -> None:
        step = next((step for step in plan.steps if step.id == outcome.step), None)
        if step and step.kind == StepKind.PERSON:
            command = self._format_done_command(known)
            self.hold(known, HoldKind.BY_HAND, step.title, link=step.link, command=command)
        elif step and not step.reversible:
            why = f"{step.title}: this is irreversible and needs an approval"
            self.hold(known, HoldKind.FINAL, why, command=self._format_approve_command(plan))
        else:
            self.hold(known, HoldKind.CHECK, outcome.why, command=f"leakfirst rotate status {plan.id[:12]}")

    def _guard(self, known: Credential, act: Callable[[], None]) -> None:
        """Call *act*; an error holds this credential for a person, and affects no other one."""
        why = ""
        try:
            act()
        except LeakfirstError as error:
            why = str(error)
        except Exception as bug:  # the message of a library may quote a value
            why = f"stopped by {type(bug).__name__}; the rotation's journal says where"
        if why:
            self.hold(known, HoldKind.STOPPED, why, command=f"leakfirst respond run contain {self._incident_id}")

    def _record_times(self, known: Credential, plan: RotationPlan) -> None:
        record_times(self._ledger, known.fingerprint, plan, self._rotations.list_entries(plan))


def load_local_plan(rotations: RotationService, known: Credential) -> RotationPlan | None:
    """Return the plan of *known*; None if there is none, or if it was made on another machine."""
    try:
        return rotations.load_plan(known.plan) if known.plan else None
    except UsageError:
        return None


def make_leak(known: Credential, finding: Finding) -> Leak:
    """Return what the rotators need to know of *known*.

    Its value is that of *finding*, its verdict that of the log: a finding that was read
    again has not been verified.
    """
    from rotators.core.secret_lookup import make_leak

    return make_leak(finding)._replace(fingerprint=known.fingerprint, verdict=known.verdict)


def record_times(ledger: Ledger, fingerprint: str, plan: RotationPlan, entries: Iterable[JournalEntry]) -> None:
    """Copy the times of the milestones from the rotation's journal to the log."""
    done: dict[str, JournalEntry] = {}
    for entry in entries:
        if entry.phase == JournalPhase.DONE:
            done.setdefault(entry.step, entry)
        elif entry.phase == JournalPhase.UNDONE:
            done.pop(entry.step, None)
    recorded = {line.kind for line in ledger.lines if line.subject == fingerprint}

    def list_times(*kinds: str) -> list[str]:
        return sorted(entry.at for step, entry in done.items() if step.partition(":")[0] in kinds)

    contained = next(iter(list_times(StepKind.CONTAIN, StepKind.DISABLE)), None)
    promotions = {step.id for step in plan.steps if step.kind == StepKind.PROMOTE}
    reissued = list_times(StepKind.PROMOTE)[-1] if promotions and promotions <= done.keys() else None
    for kind, at in ((LineKind.CONTAINED, contained), (LineKind.REISSUED, reissued)):
        if at is not None or kind in recorded:
            ledger.add(kind, fingerprint, at=at)
    proof = next(
        (entry for step, entry in done.items() if step.partition(":")[0] in (StepKind.PROVE_DEAD, StepKind.PROVE_GONE)),
        None,
    )
    if proof and LineKind.DEAD not in recorded:
        facts = {name: proof.facts.get(name, "") for name in ("result", "why")}
        ledger.add(LineKind.DEAD, fingerprint, at=proof.at, **facts)


def _parse_last_use(text: str, confirmed: str | None) -> dict[str, str | None]:
    """Return time and kind of the last use that the provider reported; it may be our own verification."""
    at, _, what = text.partition(" ")
    try:
        is_ours = confirmed is not None and parse_time(at) >= parse_time(confirmed) - OWN_CHECK_SECONDS
    except ValueError:
        return {"at": None, "what": text}
    return {"at": at, "what": f"{what} (perhaps our own check)" if is_ours else what}
