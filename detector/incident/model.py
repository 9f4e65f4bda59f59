"""The nouns of an incident.

What is known of an incident is what its log says (ledger.py): `Case` is that
log, folded. Nothing here holds the value of a credential, only its keyed
fingerprint, its redacted form and the places where it stands; whoever needs the
value reads the exposed material again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from detector.errors import StateError, UsageError
from detector.fingerprint import PREFIX
from detector.incident.timeline import Times
from detector.model import VerdictState

# -- what leaked ---------------------------------------------------------------

ARTEFACT = "artefact"
REPOSITORY = "repository"
FINDINGS = "findings"
KINDS = (ARTEFACT, REPOSITORY, FINDINGS)


class Exposure(NamedTuple):
    """What got out: files, a repository (or some commits or paths of it), or findings from elsewhere.

    `package` names the package whose versions leaked (``npm:acme@1.2.3``), if
    it is one. `inventory` are the specifications of where else to look.
    """

    kind: str
    targets: tuple[str, ...]
    package: str = ""
    range: str = ""
    paths: tuple[str, ...] = ()
    inventory: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    order: str = "contain-first"

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return dict(self._asdict())


def exposure_from(data: Mapping[str, Any]) -> Exposure:
    """Read an exposure back. Raises `StateError`."""
    try:
        fields: dict[str, Any] = {name: tuple(at) if isinstance(at, list) else at for name, at in data.items()}
        return Exposure(**fields)
    except (TypeError, ValueError):
        raise StateError("the incident's exposure cannot be read; was it opened by a newer leakfirst?") from None


# -- the log, line by line -----------------------------------------------------

OPENED = "opened"
MATERIAL = "material"
CREDENTIAL = "credential"
VERDICT = "verdict"
PLAN = "plan"
CONTAINED = "contained"
REISSUED = "reissued"
DEAD = "dead"
USED = "used"
HELD = "held"
PLACE = "place"
DEPENDENT = "dependent"
SCANNED = "scanned"
SKIPPED = "skipped"
STEP = "step"
APPROVED = "approved"
TOLD = "told"
ACKNOWLEDGED = "acknowledged"
ESCALATED = "escalated"
ACCEPTED = "accepted"
CLOSED = "closed"


class Line(NamedTuple):
    """One line of the log: at `at`, `by` noted `facts` of `subject`."""

    n: int
    at: str
    kind: str
    subject: str
    facts: Mapping[str, Any]
    by: str
    prev: str = ""
    hash: str = ""


class Note(NamedTuple):
    """What is to become a line, if it says something new."""

    kind: str
    subject: str = ""
    facts: Mapping[str, Any] = {}


# -- what is known -------------------------------------------------------------


class Credential(NamedTuple):
    """One exposed credential and what became of it."""

    fingerprint: str
    rule: str
    shown: str
    severity: str
    runbook: str
    where: tuple[Mapping[str, Any], ...]
    verdict: str
    why: str
    issuer_owner: str
    owner: str
    plan: str
    digest: str
    rotator: str
    held: Mapping[str, Any]
    times: Times
    about: Mapping[str, str] = {}
    used: str = ""
    result: str = ""
    accepted: str = ""

    @property
    def name(self) -> str:
        """Return what to call it: rule, redacted form, and the beginning of its fingerprint."""
        return f"{self.rule} {self.shown} #{self.fingerprint.removeprefix(PREFIX)[:8]}"

    @property
    def whose(self) -> str:
        """Return whose it is, as its issuer says, as far as it was asked."""
        return " ".join(word for word in (self.about.get("account", ""), self.about.get("principal", "")) if word) or (
            self.issuer_owner
        )

    @property
    def live(self) -> bool:
        """Tell whether its issuer has ever said that it is live."""
        return self.times.confirmed is not None

    @property
    def stopped(self) -> bool:
        """Tell whether its abuse is: contained, or proven dead."""
        return self.times.contained is not None or self.times.dead is not None

    @property
    def settled(self) -> bool:
        """Tell whether nothing remains to be done about it: never live, proven dead, or accepted."""
        if self.accepted:
            return True
        if self.live:
            return self.times.dead is not None and not self.held
        return self.verdict == "dead"


class Task(NamedTuple):
    """What waits for a person."""

    subject: str
    what: str
    why: str
    owner: str
    due: str
    link: str = ""
    command: str = ""


class Case(NamedTuple):
    """One incident, as its log tells it."""

    id: str
    title: str
    exposure: Exposure
    opened_at: str
    opened_by: str
    found_at: str
    due_at: str
    status: str
    credentials: tuple[Credential, ...]
    places: tuple[Mapping[str, Any], ...]
    dependents: tuple[Mapping[str, Any], ...]
    scanned: Mapping[str, Mapping[str, Any]]
    steps: Mapping[str, Mapping[str, Any]]
    skipped: tuple[tuple[str, str], ...]
    approvals: tuple[Line, ...]
    lines: tuple[Line, ...]
    acknowledged_by: str = ""
    closed_reason: str = ""

    @property
    def live(self) -> tuple[Credential, ...]:
        """Return the credentials that were live when they were asked about."""
        return tuple(one for one in self.credentials if one.live)

    def credential(self, name: str) -> Credential:
        """Return a credential by its fingerprint or plan, or the beginning of one. Raises `UsageError`."""
        wanted = name.removeprefix(PREFIX)
        found = [
            one
            for one in self.credentials
            if wanted and (one.fingerprint.removeprefix(PREFIX).startswith(wanted) or one.plan.startswith(wanted))
        ]
        if len(found) != 1:
            some = f"{len(found)} credentials of {self.id} are" if found else f"no credential of {self.id} is"
            raise UsageError(f"{some} called {name!r}; see leakfirst respond status")
        return found[0]

    @property
    def head(self) -> str:
        """Return the hash of the last line: who keeps it elsewhere can tell whether the log was changed."""
        return self.lines[-1].hash if self.lines else ""


def fold(incident: str, lines: Iterable[Line], owners: Mapping[str, str]) -> Case:
    """Return what *lines* say. *owners* maps globs over rules to the people who answer for them."""
    kept = tuple(lines)
    if not kept or kept[0].kind != OPENED:
        raise StateError(f"incident {incident}: its log does not begin with its opening")
    last: dict[str, dict[str, Line]] = {}
    first: dict[str, dict[str, Line]] = {}
    for line in kept:
        last.setdefault(line.kind, {})[line.subject] = line
        first.setdefault(line.kind, {}).setdefault(line.subject, line)
    opened = kept[0].facts
    live_at: dict[str, str] = {}
    for line in kept:
        if line.kind == VERDICT and line.facts.get("state") == VerdictState.LIVE:
            live_at.setdefault(line.subject, line.at)
    closed = last.get(CLOSED, {}).get("")
    return Case(
        id=incident,
        title=str(opened["title"]),
        exposure=exposure_from(opened["exposure"]),
        opened_at=kept[0].at,
        opened_by=kept[0].by,
        found_at=str(opened.get("found_at") or kept[0].at),
        due_at=str(opened["due_at"]),
        status="closed" if closed and closed.facts.get("reason") else "open",
        credentials=tuple(
            _credential(name, first[CREDENTIAL][name], last, live_at.get(name), owners)
            for name in first.get(CREDENTIAL, {})
        ),
        places=tuple(line.facts for line in last.get(PLACE, {}).values() if line.facts.get("there")),
        dependents=tuple(line.facts for line in last.get(DEPENDENT, {}).values()),
        scanned={name: {**line.facts, "at": line.at} for name, line in last.get(SCANNED, {}).items()},
        steps={name: {**line.facts, "at": line.at, "by": line.by} for name, line in last.get(STEP, {}).items()},
        skipped=tuple(
            (name, str(line.facts["reason"]))
            for name, line in last.get(SKIPPED, {}).items()
            if line.facts.get("reason")
        ),
        approvals=tuple(line for line in kept if line.kind in (APPROVED, ACCEPTED)),
        lines=kept,
        acknowledged_by=last[ACKNOWLEDGED][""].by if ACKNOWLEDGED in last else "",
        closed_reason=str(closed.facts.get("reason", "")) if closed else "",
    )


def _credential(
    name: str, found: Line, last: Mapping[str, Mapping[str, Line]], live_at: str | None, owners: Mapping[str, str]
) -> Credential:
    def facts(kind: str) -> Mapping[str, Any]:
        line = last.get(kind, {}).get(name)
        return line.facts if line else {}

    verdict, plan, told = facts(VERDICT), facts(PLAN), last[CREDENTIAL][name].facts
    times = Times(
        found=found.at,
        confirmed=live_at,
        contained=facts(CONTAINED).get("at"),
        reissued=facts(REISSUED).get("at"),
        used=facts(USED).get("at"),
        dead=facts(DEAD).get("at"),
    )
    return Credential(
        fingerprint=name,
        rule=str(told["rule"]),
        shown=str(told["shown"]),
        severity=str(told["severity"]),
        runbook=str(told.get("runbook", "")),
        where=tuple(told["where"]),
        verdict=str(verdict.get("state", "unchecked")),
        why=str(verdict.get("why", "")),
        issuer_owner=str(verdict.get("owner", "")),
        owner=owner_of(str(told["rule"]), owners),
        plan=str(plan.get("id", "")),
        digest=str(plan.get("digest", "")),
        rotator=str(plan.get("rotator", "")),
        held=facts(HELD) if facts(HELD).get("why") else {},
        times=times,
        about={str(name): str(value) for name, value in plan.get("about", ())},
        used=str(facts(USED).get("what", "")),
        result=str(facts(DEAD).get("result", "")),
        accepted=str(facts(ACCEPTED).get("reason", "")),
    )


def owner_of(subject: str, owners: Mapping[str, str]) -> str:
    """Return who answers for a rule or a repository: the last glob that fits decides.

    >>> owner_of("aws.access-key", {"*": "somebody on call", "aws.*": "Ada"})
    'Ada'
    """
    from fnmatch import fnmatchcase

    return next((person for glob, person in reversed(list(owners.items())) if fnmatchcase(subject, glob)), "")


def canonical(data: object) -> str:
    """Return JSON with one spelling."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))
