"""The data types of detection.

*What* was found (`Finding`), *where in the bytes* (`Location`) and *where the
bytes came from* (`Origin`) are separate types: when a file moves, only one of them
changes. Everything is a `NamedTuple`: the pre-commit hook imports this module, and
dataclasses would cost it 15 ms.

Of this package, only `secret` is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple, NoReturn, Self

from detector.errors import ExitCode
from detector.secret import Secret

# -- closed words --------------------------------------------------------------


class Severity(StrEnum):
    """In rising order: of a rule, how much harm its credentials can do; of a finding, how urgent it is."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class PlaceClass(StrEnum):
    """What the file is for in which a credential stands, by its path (text/places.py)."""

    SOURCE = "source"
    TEST = "test"
    EXAMPLE = "example"
    DOCUMENTATION = "documentation"
    VENDORED = "vendored"
    GENERATED = "generated"


class Confidence(StrEnum):
    """How certain it is that a value is a credential, in rising order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class VerdictState(StrEnum):
    """What is known about a credential beyond its appearance.

    Only a provider's answer makes it `LIVE` or `DEAD`; `UNKNOWN` means that the
    provider was asked and gave no clear answer. `VALID_FORMAT` is known offline: a
    checksum is valid, a key parses.
    """

    LIVE = "live"
    DEAD = "dead"
    VALID_FORMAT = "valid-format"
    UNKNOWN = "unknown"
    UNCHECKED = "unchecked"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise ValueError(f"a verdict is one of {', '.join(cls)}, not {value!r}")


SEVERITIES: Final = tuple(Severity)
"""All severities in rising order. Members are strings: compare their positions here, never the members."""

CONFIDENCES: Final = tuple(Confidence)
"""All confidences in rising order."""

# -- rules -------------------------------------------------------------------


class Anchor(NamedTuple):
    """What pass 1 searches for: a literal and what must follow it directly.

    `tail` is a byte regular expression in the common subset of Hyperscan and
    `regex` (classes, bounded repeats, groups, alternation), matched directly
    after the literal. A long tail makes the anchor selective: `ghp_` occurs in
    prose, `ghp_` and twelve letters hardly ever do. `loose` is a complete expression
    that must match too and end at the same offset: a simpler one, or one that many
    anchors share, which is searched for first.
    """

    text: bytes
    ignore_case: bool = False
    tail: str = ""
    loose: str = ""


class Companion(NamedTuple):
    """Another part of a multi-part credential, searched for around the first.

    `within` is the distance in bytes, before and after; `lines`, unless
    negative, is how many lines above or below it may start. Without a
    `required` companion there is no finding.
    """

    name: str
    pattern: str
    within: int = 512
    required: bool = False
    secret: bool = True
    min_entropy: float = 0.0
    lines: int = -1


class Rule(NamedTuple):
    """One kind of credential: how to find it, what it means, what to do.

    A rule that is `scored` has no pattern: `engine.scoring` finds and scores the
    values that are reported under it. A rule that is `published` applies to the
    members of a package or image: a member whose name matches `paths` (and whose
    beginning matches `pattern`) is the finding. `reject_when` holds pairs of a reason
    and a condition (see `engine.conditions`); a candidate that meets one is rejected.
    """

    id: str
    finds: str
    harm: str = ""
    service: str = ""
    severity: Severity = Severity.HIGH
    confidence: Confidence = Confidence.MEDIUM
    anchors: tuple[Anchor, ...] = ()
    pattern: str = ""
    group: int | str = 0
    window: tuple[int, int] = (128, 512)
    min_entropy: float = 0.0
    alphabet: str = ""
    checks: tuple[str, ...] = ()
    companions: tuple[Companion, ...] = ()
    placeholders: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    specificity: int = 100
    probe: Mapping[str, Any] = {}
    revoke: str = ""
    examples: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    source: str = ""
    scored: bool = False
    reject_when: tuple[tuple[Any, ...], ...] = ()
    published: bool = False


# -- bytes and where they came from ------------------------------------------


OriginKind = Literal[
    "worktree", "index", "blob", "commit", "tag", "note", "stash", "unreachable", "ref", "stdin", "archive", "image"
]
"""The kinds of our own sources, as plain text: origins are compared, hashed and pickled by the million."""

OBJECT_KINDS: Final[tuple[OriginKind, ...]] = ("blob", "commit", "tag")
"""Types of git objects that have content of their own."""

HISTORY_KINDS: Final[tuple[OriginKind, ...]] = (*OBJECT_KINDS, "note", "stash", "unreachable")
"""Content of a repository's history: an object, and how it is reached if not from a branch."""

UNREACHED_KINDS: Final[tuple[OriginKind, ...]] = ("unreachable", "stash")
"""Content that no branch and no tag reaches, so that a push does not publish it."""

CURRENT_KINDS: Final[tuple[OriginKind, ...]] = ("worktree", "index")
"""Content that somebody can edit now."""

UNPACKED_KINDS: Final[tuple[OriginKind, ...]] = ("archive", "image")
"""Content that was unpacked from a container file."""


class Origin(NamedTuple):
    """Where content came from. One content may have many origins.

    `kind` is an `OriginKind`, or the name of a source that was added. Object ids
    are hex text; `when` is ISO 8601 with offset.
    """

    kind: str
    path: str = ""
    repository: str = ""
    object_id: str | None = None
    commit: str | None = None
    author: str | None = None
    when: str | None = None


class Blob(NamedTuple):
    """Content to scan.

    A file too large for memory arrives as several overlapping blobs with one
    origin: `base` counts the bytes before this one, `base_line` the lines
    and `base_column` the characters on the line that is cut. Only hits that
    start within `core` (offsets into `data`) count; the margins give context.
    `new` holds the spans of added lines where only those count.
    `via` names the decoders that produced `data`, outermost first. `unpacked`
    says that it is a member of a container which was unpacked to the innermost one.
    """

    data: bytes
    origin: Origin
    base: int = 0
    base_line: int = 0
    base_column: int = 0
    core: tuple[int, int] | None = None
    new: tuple[tuple[int, int], ...] | None = None
    via: tuple[str, ...] = ()
    unpacked: bool = False


class Skipped(NamedTuple):
    """Something that was not scanned, and why.

    The user asked for an `expected` skip (an ignore rule, a size limit); any
    other makes the scan incomplete.
    """

    where: str
    reason: str
    expected: bool = False


# -- what was found ----------------------------------------------------------


class Evidence(NamedTuple):
    """One reason for or against a candidate; `weight` is in log-odds, 0.0 where nothing is scored."""

    fact: str
    weight: float = 0.0


class Judgement(NamedTuple):
    """How a value without a format of its own was judged, in words, for the person who must decide.

    `form` is how it is declared, `name` the class of its name, `value` its kind; `total` is the sum of all
    log-odds. `decisive` names the one fact without which the candidate would get another confidence, "" if
    there is none.
    """

    form: str
    name: str
    value: str
    is_name_certain: bool = False
    is_value_random: bool = False
    total: float = 0.0
    decisive: str = ""


class _Verdict(NamedTuple):
    state: VerdictState
    why: str
    owner: str
    checked_at: str
    facts: tuple[tuple[str, str], ...]


class Verdict(_Verdict):
    """What is known about a credential beyond its appearance.

    Raises `ValueError` for a state that is not one of `VerdictState`.
    """

    __slots__ = ()

    def __new__(
        cls,
        state: VerdictState = VerdictState.UNCHECKED,
        why: str = "",
        owner: str = "",
        checked_at: str = "",
        facts: tuple[tuple[str, str], ...] = (),
    ) -> Self:
        """Check the state, also at run time."""
        return super().__new__(cls, VerdictState(state), why, owner, checked_at, facts)


class Part(NamedTuple):
    """A further part of a credential; offsets are bytes into the blob."""

    name: str
    secret: Secret
    start: int
    end: int


class Hit(NamedTuple):
    """One credential at one place of one blob, as the engine returns it.

    Offsets are bytes into the blob, also for a value that was decoded from it.
    """

    rule: Rule
    start: int
    end: int
    secret: Secret
    parts: tuple[Part, ...] = ()
    confidence: Confidence = Confidence.MEDIUM
    verdict: Verdict = Verdict()
    decoded_via: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    judgement: Judgement | None = None


class RejectedCandidate(NamedTuple):
    """A candidate that was rejected, for ``--show-ignored``."""

    rule_id: str
    start: int
    end: int
    reason: str
    evidence: tuple[Evidence, ...] = ()
    judgement: Judgement | None = None


class Sighting(NamedTuple):
    """One credential at one location, as a worker reports it.

    `rule` is an index into the pack. `nearby_ignores` holds what the text around it
    offers for ignoring it: an inline mark, allowlist patterns that match the line.
    """

    rule: int
    location: Location
    secret: Secret
    parts: tuple[tuple[str, Secret], ...] = ()
    confidence: Confidence = Confidence.MEDIUM
    verdict: Verdict = Verdict()
    evidence: tuple[Evidence, ...] = ()
    nearby_ignores: tuple[str, ...] = ()
    judgement: Judgement | None = None


class Location(NamedTuple):
    """Where a credential is: 1-based lines and columns, columns in characters.

    `end_column` is exclusive, as in SARIF. `start` and `end` are byte offsets.
    """

    origin: Origin
    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int
    decoded_via: tuple[str, ...] = ()
    snippet: str = ""


class Finding(NamedTuple):
    """One credential with all its locations, oldest first.

    `severity` follows from the harm that its rule names, from how certain it is and from its places
    (scan/severity.py); `severity_reason` says how. `place` is the class of the most exposed of them.
    """

    fingerprint: str
    rule: Rule
    severity: Severity
    confidence: Confidence
    secret: Secret
    parts: tuple[tuple[str, Secret], ...]
    locations: tuple[Location, ...]
    verdict: Verdict = Verdict()
    evidence: tuple[Evidence, ...] = ()
    severity_reason: str = ""
    place: PlaceClass = PlaceClass.SOURCE
    judgement: Judgement | None = None


def fails(finding: Finding, threshold: str) -> bool:
    """Return whether a scan fails and a hook refuses for *finding*: its severity is at least *threshold*."""
    return SEVERITIES.index(finding.severity) >= SEVERITIES.index(Severity(threshold))


class Stats(NamedTuple):
    """How much a scan read, and how long it took."""

    bytes: int = 0
    blobs: int = 0
    seconds: float = 0.0
    rules: int = 0


class Ignored(NamedTuple):
    """A finding that is ignored; `by` names the mark, baseline or allowlist that ignores it."""

    finding: Finding
    by: str


class SetAside(NamedTuple):
    """How many findings one entry of an ignore file, a baseline or an allowlist, or one mark, set aside.

    `places` are those of findings that marks set aside.
    """

    by: str
    findings: int
    places: tuple[str, ...] = ()


class ObeyedRules(NamedTuple):
    """Whose ignore files counted: one line, "" for those of what was scanned.

    `changed` are files that what is judged changes, `not_in_force` says which rules of the repository nobody applied,
    `refused_marks` are inline marks with their places that set nothing aside.
    """

    source: str = ""
    changed: tuple[str, ...] = ()
    not_in_force: tuple[str, ...] = ()
    refused_marks: tuple[str, ...] = ()


MARK_ENDING = " in the file"
"""How the reason of a finding ends that an inline mark sets aside."""

MAX_PLACES = 5
"""Places of marks that are named; the rest is counted."""


class RunAccount(NamedTuple):
    """What one run looked at, and whose rules it obeyed.

    Every entry point makes one, every report prints it, and an exit code is made from nothing else.
    `found` counts the findings that fail (``--fail-on``); what is less severe is reported and changes no exit code.
    """

    looked_at: str = ""
    found: int = 0
    unread: int = 0
    obeyed: ObeyedRules = ObeyedRules()
    set_aside: tuple[SetAside, ...] = ()
    interrupted: bool = False
    read: int | None = None
    """How many files, objects and other contents were read; None if nobody counted."""

    def choose_exit_code(self, *, exit_zero: bool = False, accept_unread: bool = False) -> ExitCode:
        """Return the exit code; with *exit_zero* findings do not change it, with *accept_unread* unread content."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.found and not exit_zero:
            return ExitCode.FOUND
        if self.obeyed.not_in_force:
            return ExitCode.USAGE
        return ExitCode.INCOMPLETE if self.unread and not accept_unread else ExitCode.CLEAN

    def describe(self) -> Iterator[str]:
        """Say whether anything was looked at, whose rules counted and what they set aside, one line each."""
        if self.read == 0 and not (self.unread or self.interrupted):
            yield "nothing was scanned: what was asked for has no content"
        if self.obeyed.source:
            yield self.obeyed.source
        for name in self.obeyed.changed:
            yield f"{name} is changed by what is scanned; the change is not in force"
        for one in self.set_aside:
            places = f": {_name_some(one.places)}" if one.places else ""
            yield f"{one.findings} {'finding' if one.findings == 1 else 'findings'} set aside by {one.by}{places}"
        if marks := self.obeyed.refused_marks:
            what = "1 inline mark does" if len(marks) == 1 else f"{len(marks)} inline marks do"
            yield f"{what} not count, because what is judged brings it (--inline-marks obeys it): {_name_some(marks)}"
        yield from self.obeyed.not_in_force


def _name_some(places: Sequence[str]) -> str:
    more = f", and {len(places) - MAX_PLACES} more" if len(places) > MAX_PLACES else ""
    return ", ".join(places[:MAX_PLACES]) + more


def describe_place(location: Location) -> str:
    """Return path and line of *location*, and which commit of whom brought it as far as that is known."""
    origin = location.origin
    commit = f" in commit {origin.commit[:12]}" if origin.commit else ""
    author = f" by {origin.author}" if origin.author else ""
    return f"{origin.path or origin.kind}:{location.line}{commit}{author}"


def count_set_aside(ignored: Iterable[Ignored]) -> tuple[SetAside, ...]:
    """Count what each entry or mark set aside; a low confidence sets nothing aside."""
    found: dict[str, list[Finding]] = {}
    for entry in ignored:
        if not entry.by.startswith("confidence "):
            found.setdefault(entry.by, []).append(entry.finding)
    return tuple(
        SetAside(by, len(findings), _list_places(findings) if by.endswith(MARK_ENDING) else ())
        for by, findings in sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    )


def _list_places(findings: Iterable[Finding]) -> tuple[str, ...]:
    places = (describe_place(location) for finding in findings for location in finding.locations)
    return tuple(dict.fromkeys(places))


class Scan(NamedTuple):
    """The result of one scan: everything a report may print. `target` is what the user asked for, "" if unknown.

    `alert_keys` are for the names of alerts (reports/_places.py), by the names of repositories in reports;
    `fail_on` is the least severity that fails.
    """

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    stats: Stats
    ruleset: str
    complete: bool
    ignored: tuple[Ignored, ...] = ()
    rejected: tuple[tuple[Origin, RejectedCandidate], ...] = ()
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    target: str = ""
    alert_keys: Mapping[str, bytes] = {}
    obeyed: ObeyedRules = ObeyedRules()
    fail_on: str = Severity.MEDIUM

    @property
    def account(self) -> RunAccount:
        """What this scan looked at, and whose rules it obeyed."""
        return RunAccount(
            looked_at=self.target,
            found=sum(fails(finding, self.fail_on) for finding in self.findings),
            unread=0 if self.complete else sum(not skip.expected for skip in self.skipped) or 1,
            obeyed=self.obeyed,
            set_aside=count_set_aside(self.ignored),
            interrupted=self.interrupted,
            read=self.stats.blobs,
        )
