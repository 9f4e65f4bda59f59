"""From a live credential to a dead one: the plan, the policy's word, the act, and what it came to.

The rotators do the work (rotators/core); their journal says what was intended
and done, before and after each act, so a coordinator that dies here goes on
with the same run. What the policy does not let happen by itself is held for a
person, with the command or the page that helps.

Containing comes first and is quick; making new credentials takes longer and
waits in a queue of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from detector.errors import LeakfirstError, RotationError, UsageError
from detector.incident.ledger import Ledger
from detector.incident.model import APPROVED, CONTAINED, DEAD, HELD, PLAN, REISSUED, USED, Credential
from detector.incident.timeline import instant
from rotators.core.journal import DONE, UNDONE, Entry
from rotators.core.model import ACTS, CONTAIN, DISABLE, PERSON, PROMOTE, PROVE_DEAD, PROVE_GONE, RotationPlan
from rotators.core.planner import expired
from rotators.core.runs import APPROVE
from rotators.core.service import POLICY

if TYPE_CHECKING:
    from detector.model import Finding
    from rotators.core.executor import Outcome
    from rotators.core.model import Clock, Leak
    from rotators.core.service import Desk

TOGETHER = 8
"""Credentials contained at a time, and again as many replaced."""

OUR_CHECK = 60
"""Seconds before a verdict in which a use may have been the question for it."""

NEEDS_PERSON = "needs-person"


class Containing:
    """Contains and replaces, several credentials at a time. A context manager: leaving waits for all."""

    def __init__(self, incident: str, ledger: Ledger, desk: Desk, order: str, clock: Clock) -> None:
        self._incident, self._ledger, self._desk, self._order, self._clock = incident, ledger, desk, order, clock
        self._first = ThreadPoolExecutor(TOGETHER, "contain")
        self._then = ThreadPoolExecutor(TOGETHER, "reissue")
        self._under_way: list[Future[None]] = []

    def __enter__(self) -> Containing:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._first.shutdown(cancel_futures=True)
            self._then.shutdown(cancel_futures=True)
            return
        while self._under_way:
            self._under_way.pop(0).result()
        self._first.shutdown()
        self._then.shutdown()

    def soon(self, finding: Finding, known: Credential) -> None:
        """Begin to contain *finding* beside whatever else is done; nothing about one stops another."""
        self._under_way.append(self._first.submit(self._contain, known, leak_behind(known, finding)))

    def go_on(self, known: Credential, leak: Leak, *, person_done: bool = False) -> None:
        """Go on with the run of one credential, here and now."""
        plan = self._desk.load(known.plan)
        self._guarded(known, lambda: self._replace(known, plan, leak, person_done=person_done))

    def renew(self, known: Credential, leak: Leak) -> RotationPlan:
        """Return the plan of *known*; one that has expired unbegun is made anew, and held for its approval."""
        plan = self._plan(known, leak)
        if plan.id != known.plan:
            self._approved(known, plan)
        return plan

    def _contain(self, known: Credential, leak: Leak) -> None:
        self._guarded(known, lambda: self._contained(known, leak))

    def _contained(self, known: Credential, leak: Leak) -> None:
        plan = self._plan(known, leak)
        if not self._approved(known, plan):
            return
        run = self._desk.run(plan, leak)
        if any(step.kind == CONTAIN for step in plan.steps):
            outcome = run.contain()
            self._note_times(known, plan)
            if outcome.state == NEEDS_PERSON:
                self._hold_outcome(known, plan, outcome)
                return
        after = self._then.submit(self._guarded, known, lambda: self._replace(known, plan, leak, person_done=False))
        self._under_way.append(after)

    def _replace(self, known: Credential, plan: RotationPlan, leak: Leak, *, person_done: bool) -> None:
        run = self._desk.run(plan, leak)
        outcome = run.resume(person_done=True) if person_done else run.apply()
        self._note_times(known, plan)
        if outcome.state == NEEDS_PERSON:
            self._hold_outcome(known, plan, outcome)
        else:
            self._release(known)

    # -- plans and approvals -----------------------------------------------------

    def _plan(self, known: Credential, leak: Leak) -> RotationPlan:
        """Return the plan that there is, as long as it can be carried out; else make one."""
        there = plan_here(self._desk, known)
        if there is not None and (self._desk.progress(there).started or not expired(there, self._clock)):
            return there
        if there is None and self._was_approved(known, known.plan):
            raise RotationError(f"rotation {known.plan[:12]} was begun on another machine; go on there")
        plan = self._desk.plan(leak, order=self._order)
        facts = {"id": plan.id, "digest": plan.digest, "rotator": plan.rotator, "decision": plan.decision}
        self._ledger.note(PLAN, known.fingerprint, **facts, about=[list(fact) for fact in plan.facts])
        if used := dict(plan.facts).get("last used", ""):
            self._ledger.note(USED, known.fingerprint, **_use(used, known.times.confirmed))
        return plan

    def _approved(self, known: Credential, plan: RotationPlan) -> bool:
        """Tell whether *plan* may be carried out; if not, hold it for a person."""
        if self._desk.progress(plan).approved:
            self._note_approval(known, plan)
            return True
        by_hand = next((step for step in plan.steps if step.kind == PERSON), None)
        if by_hand and not any(step.kind in ACTS for step in plan.steps):
            self.hold(known, "by-hand", by_hand.title, link=by_hand.link, command=self._done_command(known))
            return False
        if self._desk.auto(plan):
            self._note_approval(known, plan)
            return True
        because = dict(plan.facts).get("asks because", "the policy asks")
        self.hold(known, "approve", f"its plan needs an approval ({because})", command=self._approve_command(plan))
        return False

    def _was_approved(self, known: Credential, plan: str) -> bool:
        mine = (line for line in self._ledger.lines if line.kind == APPROVED and line.subject == known.fingerprint)
        return any(line.facts.get("plan") == plan for line in mine)

    def _note_approval(self, known: Credential, plan: RotationPlan) -> None:
        """Note who approved *plan*, unless the log has it: it may have happened beside it, or just before a kill."""
        if self._was_approved(known, plan.id):
            return
        given = next(entry.facts for entry in reversed(self._desk.entries(plan)) if entry.step == APPROVE)
        who = "the policy" if given["by"] == POLICY else given["by"]
        facts = {"plan": plan.id, "digest": given["digest"], "scope": given["scope"], "who": who}
        self._ledger.note(APPROVED, known.fingerprint, **facts)

    def _approve_command(self, plan: RotationPlan) -> str:
        return f"leakfirst respond approve {self._incident} {plan.id[:12]} --digest {plan.digest[:16]}"

    def _done_command(self, known: Credential) -> str:
        return f"leakfirst respond approve {self._incident} {known.fingerprint[:16]} --done"

    # -- what is noted -----------------------------------------------------------

    def hold(self, known: Credential, kind: str, why: str, *, link: str = "", command: str = "") -> None:
        """Note that *known* waits for a person, and for what."""
        facts = {"kind": kind, "why": why, "link": link or known.runbook, "command": command}
        self._ledger.note(HELD, known.fingerprint, **facts)

    def _release(self, known: Credential) -> None:
        if any(line.kind == HELD and line.subject == known.fingerprint for line in self._ledger.lines):
            self._ledger.note(HELD, known.fingerprint, why="")

    def _hold_outcome(self, known: Credential, plan: RotationPlan, outcome: Outcome) -> None:
        step = next((step for step in plan.steps if step.id == outcome.step), None)
        if step and step.kind == PERSON:
            self.hold(known, "by-hand", step.title, link=step.link, command=self._done_command(known))
        elif step and not step.reversible:
            why = f"{step.title}: that cannot be taken back, so it needs an approval"
            self.hold(known, "final", why, command=self._approve_command(plan))
        else:
            self.hold(known, "look", outcome.why, command=f"leakfirst rotate status {plan.id[:12]}")

    def _guarded(self, known: Credential, act: object) -> None:
        """Do *act*; what stops it holds this credential for a person, and no other one."""
        assert callable(act)
        why = ""
        try:
            act()
        except LeakfirstError as error:
            why = str(error)
        except Exception as bug:  # the text of a library's error may quote a value
            why = f"stopped by {type(bug).__name__}; the rotation's log says where"
        if why:
            command = f"leakfirst respond run contain {self._incident}"
            self.hold(known, "stopped", why, command=command)

    def _note_times(self, known: Credential, plan: RotationPlan) -> None:
        note_times(self._ledger, known.fingerprint, plan, self._desk.entries(plan))


def plan_here(desk: Desk, known: Credential) -> RotationPlan | None:
    """Return the plan of *known*; None if it has none, or one that was made on another machine."""
    try:
        return desk.load(known.plan) if known.plan else None
    except UsageError:
        return None


def leak_behind(known: Credential, finding: Finding) -> Leak:
    """Return what the rotators need to know of *known*; who read its value again has asked nobody about it."""
    from rotators.core.secret_lookup import leak_of

    return leak_of(finding)._replace(fingerprint=known.fingerprint, verdict=known.verdict)


def note_times(ledger: Ledger, fingerprint: str, plan: RotationPlan, entries: Iterable[Entry]) -> None:
    """Note the instants that the rotation's journal knows."""
    done: dict[str, Entry] = {}
    for entry in entries:
        if entry.phase == DONE:
            done.setdefault(entry.step, entry)
        elif entry.phase == UNDONE:
            done.pop(entry.step, None)
    noted = {line.kind for line in ledger.lines if line.subject == fingerprint}

    def instants(*kinds: str) -> list[str]:
        return sorted(entry.at for step, entry in done.items() if step.partition(":")[0] in kinds)

    contained = next(iter(instants(CONTAIN, DISABLE)), None)
    promoted = {step.id for step in plan.steps if step.kind == PROMOTE}
    reissued = instants(PROMOTE)[-1] if promoted and promoted <= done.keys() else None
    for kind, at in ((CONTAINED, contained), (REISSUED, reissued)):
        if at is not None or kind in noted:
            ledger.note(kind, fingerprint, at=at)
    proof = next((entry for step, entry in done.items() if step.partition(":")[0] in (PROVE_DEAD, PROVE_GONE)), None)
    if proof and DEAD not in noted:
        why = {name: proof.facts.get(name, "") for name in ("result", "why")}
        ledger.note(DEAD, fingerprint, at=proof.at, **why)


def _use(told: str, confirmed: str | None) -> dict[str, str | None]:
    """Return when an issuer saw a credential used; what it saw around our own check may be that."""
    at, _, what = told.partition(" ")
    try:
        ours = confirmed is not None and instant(at) >= instant(confirmed) - OUR_CHECK
    except ValueError:
        return {"at": None, "what": told}
    return {"at": at, "what": f"{what} (perhaps our own check)" if ours else what}
