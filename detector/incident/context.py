"""What the steps of a response share: the log, the tools, and the values that were read so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from detector import log
from detector.errors import SourceError, UsageError
from detector.incident import leaked_material
from detector.incident.ledger import IncidentLock, Ledger
from detector.incident.model import Credential, Incident, LineKind, Step, StepState, fold_log
from detector.incident.settings import IncidentSettings
from detector.incident.spread import Fleet
from detector.model import Finding, Skipped
from rotators.core.model import Clock

if TYPE_CHECKING:
    from detector.config import Config
    from detector.incident.messages.outbox import DeliveryResult, Outbox
    from rotators.core.service import RotationService


class Tools(NamedTuple):
    """What a response works with. The caller creates all of it."""

    config: Config
    settings: IncidentSettings
    fleet: Fleet
    rotations: RotationService
    outbox: Outbox
    clock: Clock
    jobs: int = 0


class Context:
    """One run of a response. The caller holds the lock of the incident."""

    def __init__(self, ledger: Ledger, tools: Tools, lock: IncidentLock) -> None:
        self.ledger, self.tools, self.lock = ledger, tools, lock
        self.findings: dict[str, Finding] = {}
        """The findings that were read in this run, with their values, by fingerprint."""
        self.failed_deliveries: list[DeliveryResult] = []

    @property
    def incident(self) -> Incident:
        """The present state of the incident."""
        return fold_log(self.ledger.incident_id, self.ledger.lines, self.tools.settings.owners)

    def has_run(self, step: Step) -> bool:
        """Return whether *step* has run to its end before, even if it left tasks for people.

        A search that could not read everything counts as not run, so that it is repeated.
        """
        incident = self.incident
        if step in (Step.SPREAD, Step.DEPENDENTS) or (step == Step.DETECT and not incident.credentials):
            return incident.steps.get(step, {}).get("state") == StepState.DONE
        return step in incident.steps

    def record_step(self, step: Step, state: StepState, why: str = "") -> None:
        """Record the result of a step."""
        self.ledger.add(LineKind.STEP, step, state=state, why=why)
        log.log_step("step", incident=self.ledger.incident_id, step=step, state=state)

    def record_search(self, step: Step, unread: set[str]) -> None:
        """Record the result of a search; *unread* are the places that it could not read."""
        missing = len(unread - {""})
        state = StepState.INCOMPLETE if missing else StepState.DONE
        self.record_step(step, state, f"{missing} could not be read" if missing else "")

    def record_skipped(self, skipped: Skipped, name: str = "") -> str:
        """Record what could not be read; return where that is, or "" if nothing is missing because of it."""
        where = name or skipped.where
        self.ledger.add(LineKind.SKIPPED, where, reason=skipped.reason)
        return "" if skipped.expected else where

    def load_findings(self, wanted: Iterable[Credential]) -> tuple[list[Finding], list[Credential]]:
        """Return *wanted* with their values, read again if necessary, and those that cannot be read any more."""
        chosen = list(wanted)
        missing = [one for one in chosen if one.fingerprint not in self.findings]
        if missing:
            try:
                exposure = self.incident.exposure
                self.findings |= leaked_material.reread_credentials(exposure, missing, self.tools.jobs)
            except (SourceError, UsageError) as error:
                log.log_step("gone", why=str(error))
        found = [self.findings[one.fingerprint] for one in chosen if one.fingerprint in self.findings]
        return found, [one for one in chosen if one.fingerprint not in self.findings]
