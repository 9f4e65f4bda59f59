"""The values of an incident.

Everything that is known about an incident is computed from its log (ledger.py):
`fold_log` turns log lines into an `Incident`. Nothing here contains the value of a
credential, only its keyed fingerprint, its redacted form and its locations. Code that
needs the value reads the leaked material again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from detector.errors import StateError, UsageError
from detector.fingerprint import PREFIX
from detector.incident.timeline import MilestoneTimes
from detector.model import VerdictState

# -- what leaked ---------------------------------------------------------------


class ExposureKind(StrEnum):
    """What the targets of an exposure are."""

    ARTEFACT = "artefact"
    REPOSITORY = "repository"
    FINDINGS = "findings"


class Exposure(NamedTuple):
    """What leaked: files, a repository (or some of its commits or paths), or the findings of a report.

    `package` names the package whose versions leaked (``npm:acme@1.2.3``), if there is
    one. `inventory` specifies the other repositories to search, `registry` is that of
    targets such as ``npm:acme``.
    """

    kind: ExposureKind
    targets: tuple[str, ...]
    package: str = ""
    range: str = ""
    paths: tuple[str, ...] = ()
    inventory: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    order: str = "contain-first"
    registry: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return dict(self._asdict())


def parse_exposure(data: Mapping[str, Any]) -> Exposure:
    """Return the exposure that `Exposure.to_json` wrote. Raises `StateError`."""
    try:
        fields: dict[str, Any] = {name: tuple(at) if isinstance(at, list) else at for name, at in data.items()}
        return Exposure(**{**fields, "kind": ExposureKind(data["kind"])})
    except (KeyError, TypeError, ValueError):
        raise StateError("the incident's exposure cannot be read; was it opened by a newer leakfirst?") from None


# -- the steps of a response -----------------------------------------------------


class Step(StrEnum):
    """The steps of the playbook, in the order in which they run."""

    DETECT = "detect"
    VERIFY = "verify"
    CONTAIN = "contain"
    SPREAD = "spread"
    DEPENDENTS = "dependents"
    PROVE = "prove"
    NOTIFY = "notify"


class StepState(StrEnum):
    """The result of a step that ran to its end.

    `WAITING` means that it left tasks for people, `INCOMPLETE` that it could not read or
    reach something.
    """

    DONE = "done"
    WAITING = "waiting"
    INCOMPLETE = "incomplete"


class HoldKind(StrEnum):
    """Why the automation stopped for a credential, and what a person has to do."""

    APPROVE = "approve"
    """Approve the plan."""
    FINAL = "final"
    """Approve an irreversible step."""
    BY_HAND = "by-hand"
    """Do a step that no API offers."""
    CHECK = "check"
    """Check a result that is not what was expected."""
    STOPPED = "stopped"
    """Fix an error or change the policy."""
    GONE = "gone"
    """Revoke it at the provider by name, because its value cannot be read any more."""
    LIVE_AGAIN = "live-again"
    """Find out why a dead credential works again."""


# -- the log, line by line -----------------------------------------------------


class LineKind(StrEnum):
    """What a line of the log records."""

    OPENED = "opened"
    MATERIAL = "material"
    CREDENTIAL = "credential"
    VERDICT = "verdict"
    PLAN = "plan"
    CONTAINED = "contained"
    REISSUED = "reissued"
    DEAD = "dead"
    USED = "used"
    HOLD = "hold"
    LOCATION = "location"
    DEPENDENT = "dependent"
    SCANNED = "scanned"
    SKIPPED = "skipped"
    STEP = "step"
    APPROVED = "approved"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    CLOSED = "closed"


class LogLine(NamedTuple):
    """One line of the log: at the time `at`, the person `by` recorded `facts` about `subject`."""

    n: int
    at: str
    kind: LineKind
    subject: str
    facts: Mapping[str, Any]
    by: str
    prev: str = ""
    hash: str = ""


class Note(NamedTuple):
    """A line to be added to the log, unless it repeats the last one of its kind and subject."""

    kind: LineKind
    subject: str = ""
    facts: Mapping[str, Any] = {}


# -- what is known -------------------------------------------------------------


class Credential(NamedTuple):
    """One leaked credential and its state.

    `where` lists its locations in the leaked material; `hold` is empty unless it waits for
    a person. `provider_owner` and `plan_facts` are what the provider answered.
    """

    fingerprint: str
    rule: str
    redacted: str
    severity: str
    runbook: str
    where: tuple[Mapping[str, Any], ...]
    verdict: str
    why: str
    provider_owner: str
    owner: str
    plan: str
    digest: str
    rotator: str
    hold: Mapping[str, Any]
    times: MilestoneTimes
    plan_facts: Mapping[str, str] = {}
    last_use: str = ""
    result: str = ""
    accepted: str = ""

    @property
    def name(self) -> str:
        """The display name: rule, redacted form, and the beginning of the fingerprint."""
        return f"{self.rule} {self.redacted} #{self.fingerprint.removeprefix(PREFIX)[:8]}"

    @property
    def identity(self) -> str:
        """The account and principal that the credential belongs to, as far as its provider answered."""
        known = (self.plan_facts.get("account", ""), self.plan_facts.get("principal", ""))
        return " ".join(word for word in known if word) or self.provider_owner

    @property
    def was_live(self) -> bool:
        """Whether its provider has ever accepted it."""
        return self.times.confirmed is not None

    @property
    def is_stopped(self) -> bool:
        """Whether it can no longer be abused: it is contained, or proven dead."""
        return self.times.contained is not None or self.times.dead is not None

    @property
    def is_settled(self) -> bool:
        """Whether nothing remains to be done: it was never live, is proven dead, or was accepted."""
        if self.accepted:
            return True
        if self.was_live:
            return self.times.dead is not None and not self.hold
        return self.verdict == VerdictState.DEAD


class Task(NamedTuple):
    """Something that a person has to do. `otherwise` is a command for those who decide against `command`."""

    subject: str
    what: str
    why: str
    owner: str
    due: str
    link: str = ""
    command: str = ""
    otherwise: str = ""


class Incident(NamedTuple):
    """The state of one incident, computed from its log.

    `locations` are those outside of the leaked material; `head` identifies the state of
    the log.
    """

    id: str
    title: str
    exposure: Exposure
    opened_at: str
    opened_by: str
    found_at: str
    due_at: str
    status: str
    credentials: tuple[Credential, ...]
    locations: tuple[Mapping[str, Any], ...]
    dependents: tuple[Mapping[str, Any], ...]
    scanned: Mapping[str, Mapping[str, Any]]
    steps: Mapping[str, Mapping[str, Any]]
    skipped: tuple[tuple[str, str], ...]
    approvals: tuple[LogLine, ...]
    lines: tuple[LogLine, ...]
    acknowledged_by: str = ""
    closed_reason: str = ""

    @property
    def live_credentials(self) -> tuple[Credential, ...]:
        """The credentials that a provider accepted at some time."""
        return tuple(one for one in self.credentials if one.was_live)

    def find_credential(self, name: str) -> Credential:
        """Return a credential by the beginning of its fingerprint or of its plan's id. Raises `UsageError`."""
        wanted = name.removeprefix(PREFIX)
        found = [
            one
            for one in self.credentials
            if wanted and (one.fingerprint.removeprefix(PREFIX).startswith(wanted) or one.plan.startswith(wanted))
        ]
        if len(found) != 1:
            some = f"{len(found)} credentials of {self.id} match" if found else f"no credential of {self.id} matches"
            raise UsageError(f"{some} {name!r}; see leakfirst respond status")
        return found[0]

    @property
    def head(self) -> str:
        """The hash of the last line. Whoever keeps a copy can detect a changed log."""
        return self.lines[-1].hash if self.lines else ""


class _Index:
    """The first and the last line of each kind and subject."""

    def __init__(self, lines: Iterable[LogLine]) -> None:
        self.last: dict[LineKind, dict[str, LogLine]] = {}
        self.first: dict[LineKind, dict[str, LogLine]] = {}
        self.live_at: dict[str, str] = {}
        for line in lines:
            self.last.setdefault(line.kind, {})[line.subject] = line
            self.first.setdefault(line.kind, {}).setdefault(line.subject, line)
            if line.kind == LineKind.VERDICT and line.facts.get("state") == VerdictState.LIVE:
                self.live_at.setdefault(line.subject, line.at)

    def list_last(self, kind: LineKind) -> Iterable[tuple[str, LogLine]]:
        """Return the last line of each subject."""
        return self.last.get(kind, {}).items()

    def get_facts(self, kind: LineKind, subject: str) -> Mapping[str, Any]:
        """Return the facts of the last line, empty if there is none."""
        line = self.last.get(kind, {}).get(subject)
        return line.facts if line else {}


def fold_log(incident_id: str, lines: Iterable[LogLine], owners: Mapping[str, str]) -> Incident:
    """Return the state that *lines* describe. *owners* maps globs over rule ids to people."""
    kept = tuple(lines)
    if not kept or kept[0].kind != LineKind.OPENED:
        raise StateError(f"incident {incident_id}: its log does not begin with the line 'opened'")
    index = _Index(kept)
    opened = kept[0].facts
    closed_reason = str(index.get_facts(LineKind.CLOSED, "").get("reason", ""))
    acknowledged = index.last.get(LineKind.ACKNOWLEDGED)
    return Incident(
        id=incident_id,
        title=str(opened["title"]),
        exposure=parse_exposure(opened["exposure"]),
        opened_at=kept[0].at,
        opened_by=kept[0].by,
        found_at=str(opened.get("found_at") or kept[0].at),
        due_at=str(opened["due_at"]),
        status="closed" if closed_reason else "open",
        credentials=tuple(
            _fold_credential(name, found, index, owners)
            for name, found in index.first.get(LineKind.CREDENTIAL, {}).items()
        ),
        locations=tuple(line.facts for _, line in index.list_last(LineKind.LOCATION) if line.facts.get("present")),
        dependents=tuple(line.facts for _, line in index.list_last(LineKind.DEPENDENT)),
        scanned={name: {**line.facts, "at": line.at} for name, line in index.list_last(LineKind.SCANNED)},
        steps={name: {**line.facts, "at": line.at, "by": line.by} for name, line in index.list_last(LineKind.STEP)},
        skipped=tuple(
            (name, str(line.facts["reason"]))
            for name, line in index.list_last(LineKind.SKIPPED)
            if line.facts.get("reason")
        ),
        approvals=tuple(line for line in kept if line.kind in (LineKind.APPROVED, LineKind.ACCEPTED)),
        lines=kept,
        acknowledged_by=acknowledged[""].by if acknowledged else "",
        closed_reason=closed_reason,
    )


def _fold_credential(name: str, found: LogLine, index: _Index, owners: Mapping[str, str]) -> Credential:
    def get_facts(kind: LineKind) -> Mapping[str, Any]:
        return index.get_facts(kind, name)

    verdict, plan, facts = get_facts(LineKind.VERDICT), get_facts(LineKind.PLAN), get_facts(LineKind.CREDENTIAL)
    times = MilestoneTimes(
        found=found.at,
        confirmed=index.live_at.get(name),
        contained=get_facts(LineKind.CONTAINED).get("at"),
        reissued=get_facts(LineKind.REISSUED).get("at"),
        used=get_facts(LineKind.USED).get("at"),
        dead=get_facts(LineKind.DEAD).get("at"),
    )
    hold = get_facts(LineKind.HOLD)
    return Credential(
        fingerprint=name,
        rule=str(facts["rule"]),
        redacted=str(facts["redacted"]),
        severity=str(facts["severity"]),
        runbook=str(facts.get("runbook", "")),
        where=tuple(facts["where"]),
        verdict=str(verdict.get("state", VerdictState.UNCHECKED)),
        why=str(verdict.get("why", "")),
        provider_owner=str(verdict.get("owner", "")),
        owner=find_owner(str(facts["rule"]), owners),
        plan=str(plan.get("id", "")),
        digest=str(plan.get("digest", "")),
        rotator=str(plan.get("rotator", "")),
        hold=hold if hold.get("why") else {},
        times=times,
        plan_facts={str(name): str(value) for name, value in plan.get("facts", ())},
        last_use=str(get_facts(LineKind.USED).get("what", "")),
        result=str(get_facts(LineKind.DEAD).get("result", "")),
        accepted=str(get_facts(LineKind.ACCEPTED).get("reason", "")),
    )


def find_owner(rule_id: str, owners: Mapping[str, str]) -> str:
    """Return the person who is responsible for a rule: the last glob that matches decides.

    >>> find_owner("aws.access-key", {"*": "somebody on call", "aws.*": "Ada"})
    'Ada'
    """
    from fnmatch import fnmatchcase

    return next((person for glob, person in reversed(list(owners.items())) if fnmatchcase(rule_id, glob)), "")


def to_canonical_json(data: object) -> str:
    """Return *data* as JSON with sorted keys and without spaces: equal data gives equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))
