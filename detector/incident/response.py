"""The playbook: from what leaked to every credential in it dead and replaced.

Each step looks at what is known, does what is missing and notes it, so it can
be run alone, again, or by somebody else, and a step that was killed is simply
run once more. Between the steps there is nothing but the log: what is already
in it is not done twice, and what changed since is noted as a new line.

When an incident is opened the first three steps overlap: a credential is
contained as soon as its issuer says that it is live, while others are still
being asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.errors import LeakfirstError, RotationError, SourceError, UsageError
from detector.incident import events, leaked_material
from detector.incident.containment import Containing, leak_behind, note_times, plan_here
from detector.incident.ledger import Ledger
from detector.incident.model import (
    ACCEPTED,
    ACKNOWLEDGED,
    APPROVED,
    CLOSED,
    CREDENTIAL,
    DEAD,
    DEPENDENT,
    HELD,
    MATERIAL,
    PLACE,
    SCANNED,
    SKIPPED,
    STEP,
    TOLD,
    VERDICT,
    Case,
    Credential,
    Note,
    fold,
)
from detector.incident.settings import Settings
from detector.incident.spread import Fleet, Repository, Swept
from detector.incident.timeline import text
from detector.log import step as say
from detector.model import Finding, Skipped, VerdictState
from detector.net.log_silencing import silence_client_logs
from rotators.core.executor import FINISHED, ROLLED_BACK
from rotators.core.model import ALIVE, Clock
from rotators.core.model import DEAD as PROVEN_DEAD
from rotators.core.planner import expired

if TYPE_CHECKING:
    from detector.config import Config
    from detector.incident.notify import _outbox
    from detector.incident.notify._outbox import Outbox
    from rotators.core.model import RotationPlan
    from rotators.core.service import Desk

DETECT = "detect"
VERIFY = "verify"
CONTAIN = "contain"
SPREAD = "spread"
DEPENDENTS = "dependents"
PROVE = "prove"
TELL = "tell"
STEPS = (DETECT, VERIFY, CONTAIN, SPREAD, DEPENDENTS, PROVE, TELL)

DONE = "done"
WAITING = "waiting"
INCOMPLETE = "incomplete"

UNCLEAR = (VerdictState.UNCHECKED, VerdictState.UNKNOWN, VerdictState.VALID_FORMAT)
"""Verdicts that may become clear when the provider is asked again."""

NOBODY_TO_ASK = "nobody can be asked about this kind"

AGAIN = "alive-again"
"""Why a credential is held that was dead, and is not."""

BY_HAND = "runbook"
"""The rotator that has no call."""


class Tools(NamedTuple):
    """What a response works with, handed in by whoever starts it."""

    config: Config
    settings: Settings
    fleet: Fleet
    desk: Desk
    outbox: Outbox
    clock: Clock
    jobs: int = 0


class Response:
    """One incident, played by one person at a time (ledger.alone)."""

    def __init__(self, ledger: Ledger, tools: Tools) -> None:
        self._ledger, self._tools = ledger, tools
        self._values: dict[str, Finding] = {}
        self.untold: list[_outbox.DeliveryResult] = []

    @property
    def case(self) -> Case:
        """Return what is known now."""
        return fold(self._ledger.incident, self._ledger.lines, self._tools.settings.owners)

    # -- playing ---------------------------------------------------------------

    def play(self) -> Case:
        """Do everything that is not done, in order, and tell people on the way.

        Nobody waits for a message: the first ones are sent beside the work.
        """
        with silence_client_logs(other_libraries=True), ThreadPoolExecutor(1, "tell") as beside:
            opening = beside.submit(self._say, lists=False)
            if not self._was_done(DETECT):
                self.detect()
            with self._containing() as containing:
                self._contain_known(containing)
                self.verify(lambda finding: containing.soon(finding, self.case.credential(finding.fingerprint)))
            self._finish_contain()
            opening.result()
            self._say(lists=False)
            if self._was_done(SPREAD):
                self._look_at_tips()
            else:
                self.spread()
            if not self._was_done(DEPENDENTS):
                self.dependents()
            self.prove(again=not self._was_done(PROVE))
            self.tell()
            return self.case

    def _was_done(self, step: str) -> bool:
        """Tell whether a step has come to its end before, whatever it left for people.

        What could not be looked at elsewhere may be there now, so that is looked for until it is.
        """
        case = self.case
        if step in (SPREAD, DEPENDENTS) or (step == DETECT and not case.credentials):
            return case.steps.get(step, {}).get("state") == DONE
        return step in case.steps

    def run(self, step: str) -> Case:
        """Do one step, whether it was done before or not."""
        acts: Mapping[str, Callable[[], object]] = {
            DETECT: self.detect,
            VERIFY: self.verify,
            CONTAIN: self.contain,
            SPREAD: self.spread,
            DEPENDENTS: self.dependents,
            PROVE: self.prove,
            TELL: self.tell,
        }
        if step not in acts:
            raise UsageError(f"no step is called {step!r}; known: {', '.join(STEPS)}")
        with silence_client_logs(other_libraries=True):
            acts[step]()
            return self.case

    def _step(self, name: str, state: str, why: str = "") -> None:
        self._ledger.note(STEP, name, state=state, why=why)
        say("step", incident=self._ledger.incident, step=name, state=state)

    # -- 1: what was in it -------------------------------------------------------

    def detect(self) -> None:
        """Read the exposed material and note every credential in it."""
        before = self.case
        try:
            found = leaked_material.look(before.exposure, self._tools.jobs)
        except (SourceError, UsageError) as error:
            self._step(DETECT, DONE if before.credentials else INCOMPLETE, str(error))
            return
        self._values = {finding.fingerprint: finding for finding in found.findings}
        notes = [Note(CREDENTIAL, one.fingerprint, leaked_material.note_of(one)) for one in found.findings]
        unread = [skip for skip in found.skipped if not skip.expected]
        notes += [Note(SKIPPED, skip.where, {"reason": skip.reason}) for skip in unread]
        changed = [
            note.subject
            for note in found.material
            for line in before.lines
            if line.kind == MATERIAL and line.subject == note.subject and line.facts != note.facts
        ]
        notes += [] if before.credentials and changed else list(found.material)
        self._ledger.note_all(notes)
        why = ["not everything could be read"] if unread else []
        why += [f"not what it was when the incident was opened: {', '.join(changed)}"] if changed else []
        self._step(DETECT, INCOMPLETE if unread else DONE, "; ".join(why))

    def _with_values(self, wanted: Iterable[Credential]) -> tuple[list[Finding], list[Credential]]:
        """Return *wanted* with their values, read again if need be, and those whose value is gone."""
        chosen = list(wanted)
        missing = [one for one in chosen if one.fingerprint not in self._values]
        if missing:
            try:
                self._values |= leaked_material.again(self.case.exposure, missing, self._tools.jobs)
            except (SourceError, UsageError) as error:
                say("gone", why=str(error))
        there = [self._values[one.fingerprint] for one in chosen if one.fingerprint in self._values]
        return there, [one for one in chosen if one.fingerprint not in self._values]

    # -- 2: which are live -------------------------------------------------------

    def verify(self, on_live: Callable[[Finding], object] = lambda _: None) -> None:
        """Ask the issuers about what they were not asked about, or gave no clear answer to."""
        unclear = [one for one in self.case.credentials if one.verdict in UNCLEAR and one.why != NOBODY_TO_ASK]
        there, gone = self._with_values(unclear)
        self._ask(there, on_live)
        if gone:
            self._step(VERIFY, INCOMPLETE, f"{len(gone)} values are not where they stood any more")
        else:
            self._step(VERIFY, DONE)

    def _ask(self, findings: list[Finding], on_live: Callable[[Finding], object]) -> None:
        from detector.fingerprint import project_key
        from detector.verify import ready, run
        from detector.verify.settings import settings_of

        if not findings:
            return
        ready()

        def told(finding: Finding) -> None:
            verdict = finding.verdict
            facts = {"state": verdict.state, "why": verdict.why, "owner": verdict.owner, "facts": dict(verdict.facts)}
            self._ledger.note(VERDICT, finding.fingerprint, **facts)
            if verdict.state == VerdictState.LIVE:
                on_live(finding)

        known, interrupted = run.verify(findings, settings_of(self._tools.config), project_key(), told)
        if interrupted:
            raise KeyboardInterrupt
        self._values |= {finding.fingerprint: finding for finding in known}
        for finding in known:
            if not run.provable(finding.rule):
                facts = {"state": VerdictState.UNKNOWN, "why": NOBODY_TO_ASK, "owner": "", "facts": {}}
                self._ledger.note(VERDICT, finding.fingerprint, **facts)

    # -- 3: contain and reissue --------------------------------------------------

    def _containing(self) -> Containing:
        tools = self._tools
        return Containing(self._ledger.incident, self._ledger, tools.desk, self.case.exposure.order, tools.clock)

    def contain(self) -> None:
        """Contain and replace what is live; what needs a person is held."""
        with self._containing() as containing:
            self._contain_known(containing)
        self._finish_contain()

    def _contain_known(self, containing: Containing) -> None:
        """Begin with, or go on with, what earlier runs know to be live."""
        pending = [one for one in self.case.live if self._can_go_on(one)]
        there, gone = self._with_values(pending)
        known = {one.fingerprint: one for one in pending}
        for finding in there:
            containing.soon(finding, known[finding.fingerprint])
        for one in gone:
            why = "its value is not where it stood any more: end it at its issuer, by name"
            containing.hold(one, "gone", why)

    def _can_go_on(self, one: Credential) -> bool:
        """Tell whether a run could do something now that it has not done."""
        if one.accepted:
            return False
        if not one.plan:
            return one.held.get("kind") != "by-hand"
        from rotators.core.journal import NOTE, seconds

        plan = plan_here(self._tools.desk, one)
        if plan is None:
            return not one.settled and one.held.get("kind") not in ("by-hand", "final")
        now = self._tools.desk.progress(plan)
        if now.outcome:
            return False
        last = now.last
        if last is not None and last.phase == NOTE and last.facts.get("state") == "waiting":
            until = last.facts.get("why", "").removeprefix("until ")
            return self._tools.clock.now() >= seconds(until)
        if one.held.get("kind") in ("by-hand", "approve", "final"):
            return bool(now.approved) and now.scope != "reversible" and one.held["kind"] != "by-hand"
        return True

    def _finish_contain(self) -> None:
        held = [one for one in self.case.live if one.held]
        self._step(CONTAIN, WAITING if held else DONE, f"{len(held)} wait for a person" if held else "")

    # -- elsewhere ---------------------------------------------------------------

    def spread(self) -> None:
        """Find every other place of the same credentials in the inventory."""
        unread = {self._passed(found) for found in self._tools.fleet.sweep() if isinstance(found, Skipped)}
        self._note_places()
        self._looked_at(SPREAD, unread)

    def _passed(self, found: Skipped, name: str = "") -> str:
        """Note what could not be looked at; return where that is, or "" if nothing is missing for it."""
        where = name or found.where
        self._ledger.note(SKIPPED, where, reason=found.reason)
        return "" if found.expected else where

    def _looked_at(self, step: str, unread: set[str]) -> None:
        missing = len(unread - {""})
        self._step(step, INCOMPLETE if missing else DONE, f"{missing} could not be looked at" if missing else "")

    def _look_at_tips(self) -> None:
        """Look again where a copy stood at a tip: somebody may have removed it."""
        keys = {str(at["key"]) for at in self.case.places if at.get("tip")}
        if keys:
            for found in self._tools.fleet.sweep(keys):
                if isinstance(found, Skipped):
                    self._passed(found)
        self._note_places()

    def _note_places(self) -> None:
        case = self.case
        names = [one.fingerprint for one in case.credentials]
        notes = []
        for at in self._tools.fleet.standing(names):
            facts = {**at._asdict(), "there": True}
            notes.append(Note(PLACE, f"{at.fingerprint} {at.repository} {at.path}:{at.line}:{at.commit[:12]}", facts))
        now = {note.subject for note in notes}
        for line in case.lines:
            if line.kind == PLACE and line.subject not in now and line.facts.get("tip"):
                notes.append(Note(PLACE, line.subject, {**line.facts, "tip": False}))
                now.add(line.subject)
        self._ledger.note_all(notes)

    # -- 4: who imports it -------------------------------------------------------

    def dependents(self) -> None:
        """Find who imports the compromised package, and look at all of them again."""
        if not self.case.exposure.package:
            self._step(DEPENDENTS, DONE, "what leaked is no package")
            return
        from detector.incident.dependents import package, search

        wanted = package(self.case.exposure.package)
        there: dict[str, Repository] = {}
        unread: set[str] = set()
        for repository in self._tools.fleet.repositories():
            if isinstance(repository, Skipped):
                unread.add(self._passed(repository))
            else:
                there[repository.path] = repository
        notes: list[Note] = []
        keys = set()
        for path, repository in there.items():
            for found in search([path], wanted):
                if isinstance(found, Skipped):
                    unread.add(self._passed(found, f"{repository.name}: {found.where}"))
                    continue
                facts = {
                    "repository": repository.name,
                    "path": found.path,
                    "version": found.version or found.constraint,
                    "direct": found.direct,
                    "via": list(found.via),
                    "match": found.match,
                    "commit": found.commit,
                }
                notes.append(Note(DEPENDENT, f"{repository.name}:{found.path}", facts))
                keys.add(repository.key)
        self._ledger.note_all(notes)
        unread |= self._scan_again(keys)
        self._note_places()
        self._looked_at(DEPENDENTS, unread)

    def _scan_again(self, keys: set[str]) -> set[str]:
        """Look at *keys* again, unless this incident has looked at the same refs of them before; return what is left.

        A repository that could not be looked at has nothing that names its state.
        """
        unread: set[str] = set()
        if not keys:
            return unread
        before = {name: str(row["refs"]) for name, row in self.case.scanned.items()}
        for found in self._tools.fleet.sweep(keys, before):
            if isinstance(found, Swept):
                if found.key in keys and found.refs:
                    facts = {"refs": found.refs, "findings": found.findings, "complete": found.complete}
                    self._ledger.note(SCANNED, found.name, **facts)
            else:
                unread.add(self._passed(found))
        return unread

    # -- 5: prove ----------------------------------------------------------------

    def prove(self, *, again: bool = True) -> None:
        """Ask whether the old credentials are dead and the new ones in place, and look at the tips.

        Without *again* what is proven is not asked about once more.
        """
        chosen = [
            one
            for one in self.case.live
            if again or (one.times.dead is None and not one.accepted) or self._was_taken_back(one)
        ]
        there, gone = self._with_values(chosen)
        values = {finding.fingerprint: finding for finding in there}
        ask: list[Finding] = []
        for one in chosen:
            finding = values.get(one.fingerprint)
            if finding and not self._looked(one, finding):
                ask.append(finding)
        self._ask(ask, lambda _: None)
        for finding in ask:
            one = self.case.credential(finding.fingerprint)
            if one.verdict == "dead":
                self._dead(one, PROVEN_DEAD, one.why)
            elif one.verdict == VerdictState.LIVE:
                self._alive(one, one.why)
        for one in self.case.live:
            if one.times.dead is not None:
                reason = f"incident {self._ledger.incident}"
                self._tools.fleet.settle(one.fingerprint, one.times.reissued is not None, reason, self._ledger.by)
        unproven = [one for one in self.case.live if one.times.dead is None and not one.accepted]
        tips = list(events.tips(self.case))
        why = [f"{len(unproven)} are not proven dead"] if unproven else []
        why += [f"{'1 copy stands' if len(tips) == 1 else f'{len(tips)} copies stand'} at a tip"] if tips else []
        why += [f"{len(gone)} values are gone, so nobody was asked about them"] if gone else []
        self._step(PROVE, INCOMPLETE if why else DONE, "; ".join(why))

    def _was_taken_back(self, one: Credential) -> bool:
        """Tell whether somebody gave the old credential back after it was dead."""
        plan = plan_here(self._tools.desk, one) if one.times.dead is not None and not one.accepted else None
        return plan is not None and self._tools.desk.progress(plan).outcome == ROLLED_BACK

    def _looked(self, one: Credential, finding: Finding) -> bool:
        """Let the rotator look, where one has acted; tell whether it could say something."""
        desk = self._tools.desk
        plan = plan_here(desk, one)
        if plan is None or one.rotator == BY_HAND or not desk.progress(plan).started:
            return False
        note_times(self._ledger, one.fingerprint, plan, desk.entries(plan))
        if desk.progress(plan).outcome == FINISHED and one.held:
            self._ledger.note(HELD, one.fingerprint, why="")
        try:
            standing = desk.run(plan, leak_behind(one, finding)).look()
        except LeakfirstError as error:
            self._ledger.note(SKIPPED, f"proof of {one.name}", reason=str(error))
            return True
        lost = sorted(name for name, holds in standing.new.items() if holds is False)
        if lost:
            self._hold(one, "look", f"{', '.join(lost)} does not hold the new value any more")
        if standing.old.state == ALIVE:
            self._alive(one, standing.old.why)
        elif standing.old.state == PROVEN_DEAD:
            self._dead(one, PROVEN_DEAD, standing.old.why)
        return standing.old.state != "unverifiable" or one.times.dead is not None

    def _dead(self, one: Credential, result: str, why: str) -> None:
        if one.times.dead is None:
            self._ledger.note(DEAD, one.fingerprint, at=text(self._tools.clock.now()), result=result, why=why)
            if one.held.get("kind") in ("by-hand", "approve", "stopped", "gone", "final", AGAIN):
                self._ledger.note(HELD, one.fingerprint, why="")

    def _alive(self, one: Credential, why: str) -> None:
        if one.times.dead is not None:
            self._ledger.note(DEAD, one.fingerprint, at=None, result=ALIVE, why=why)
            self._hold(one, AGAIN, f"it works again: {why}" if why else "it works again")

    def _hold(self, one: Credential, kind: str, why: str) -> None:
        command = f"leakfirst respond run contain {self._ledger.incident}"
        self._ledger.note(HELD, one.fingerprint, kind=kind, why=why, link=one.runbook, command=command)

    # -- 6: tell -----------------------------------------------------------------

    def tell(self) -> None:
        """Tell everybody what they have not been told."""
        self._say()
        failed = sorted({told.destination for told in self.untold})
        self._step(TELL, INCOMPLETE if failed else DONE, f"not reached: {', '.join(failed)}" if failed else "")

    def _say(self, *, lists: bool = True) -> None:
        """Tell what is new; *lists* is False while the work lists of people are still growing."""
        tools = self._tools
        self.untold = []
        for event in events.events(self.case, tools.settings, tools.clock.now()):
            if event.owner and not lists:
                continue
            for told in tools.outbox.send(event):
                if told.why:
                    self.untold.append(told)
                elif told.sent:
                    facts = {"destination": told.destination, "phase": event.phase, "owner": event.owner}
                    summary = told.event.summary
                    self._ledger.note(TOLD, f"{told.destination} {event.key}", **facts, summary=summary)

    def drafts(self) -> Iterable[Any]:
        """Return what `send` would send now, for a dry run."""
        tools = self._tools
        for event in events.events(self.case, tools.settings, tools.clock.now()):
            yield from tools.outbox.preview(event)

    # -- decisions ---------------------------------------------------------------

    def acknowledge(self) -> None:
        """Note that somebody has taken the incident."""
        self._ledger.note(ACKNOWLEDGED, "", taken=True)

    def approve(self, name: str, given: str) -> None:
        """Approve the plan of a credential, wholly, by its digest, and carry it out."""
        one = self.case.credential(name)
        plan = self.renewed(name)
        if plan.id != one.plan:
            command = f"leakfirst respond approve {self._ledger.incident} {plan.id[:12]}"
            raise RotationError(
                f"the plan had expired, or is on another machine, and was made anew; read it: {command}"
            )
        by = self._ledger.by
        self._tools.desk.approve(plan, given, by)
        self._ledger.note(APPROVED, one.fingerprint, plan=plan.id, digest=plan.digest, scope="all", who=by)
        self._go_on(one, person_done=False)

    def renewed(self, name: str) -> RotationPlan:
        """Return the plan of a credential, made anew if it has expired before anybody began it."""
        one = self.case.credential(name)
        if not one.plan:
            raise UsageError(f"{one.name} has no plan yet; leakfirst respond run contain {self._ledger.incident}")
        desk = self._tools.desk
        plan = plan_here(desk, one)
        if plan is not None and (desk.progress(plan).started or not expired(plan, self._tools.clock)):
            return plan
        there, _ = self._with_values([one])
        if not there:
            raise SourceError(f"{one.name}: its plan cannot be used here, and its value is not where it stood any more")
        with silence_client_logs(other_libraries=True), self._containing() as containing:
            return containing.renew(one, leak_behind(one, there[0]))

    def done_by_hand(self, name: str) -> None:
        """Note that a person has done what waited for one; whether the credential is dead is asked, not believed."""
        one = self.case.credential(name)
        if one.held.get("kind") != "by-hand":
            raise UsageError(f"{one.name} does not wait for something to be done by hand")
        by = self._ledger.by
        self._ledger.note(APPROVED, one.fingerprint, plan=one.plan, digest=one.digest, scope="done by hand", who=by)
        desk = self._tools.desk
        plan = plan_here(desk, one)
        if plan is not None and (desk.progress(plan).started or not expired(plan, self._tools.clock)):
            if not desk.progress(plan).approved:
                desk.approve(plan, plan.digest, by)
            if not desk.progress(plan).started:
                self._go_on(one, person_done=False)
            self._go_on(one, person_done=True)
        self.prove()

    def _go_on(self, one: Credential, *, person_done: bool) -> None:
        there, _ = self._with_values([one])
        if not there:
            raise SourceError(f"{one.name}: its value is not where it stood any more; end it at its issuer")
        with silence_client_logs(other_libraries=True), self._containing() as containing:
            containing.go_on(one, leak_behind(one, there[0]), person_done=person_done)
        self._finish_contain()

    def accept(self, names: Sequence[str], reason: str) -> None:
        """Note that nothing more will be done about some credentials, and why; about none if one is not known."""
        case = self.case
        for one in [case.credential(name) for name in names]:
            self._ledger.note(ACCEPTED, one.fingerprint, reason=reason, who=self._ledger.by)
        if self._was_done(PROVE):
            self.prove(again=False)

    def close(self, reason: str) -> list[str]:
        """Close the incident; return what stands in the way, if something does."""
        case = self.case
        begun = bool(case.steps or case.credentials)  # one that was only opened may have been a drill
        open_ones = [f"{step}: was never done" for step in STEPS if begun and step != TELL and step not in case.steps]
        open_ones += [f"{task.what}: {task.why} ({task.owner or 'nobody'})" for task in events.tasks(case)]
        if not open_ones:
            self._ledger.note(CLOSED, "", reason=reason)
            self._say()
        return open_ones
