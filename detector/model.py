"""The nouns of detection.

Three questions are kept apart, because each has another answer when a file
moves: *what* was found (`Finding`), *where in the bytes* (`Location`), and
*where the bytes came from* (`Origin`). Everything is a `NamedTuple`: the
pre-commit hook imports this module, and dataclasses cost it 15 ms.

This module imports nothing of ours but `secret`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, NoReturn, Self

from detector.secret import Secret

# -- closed words --------------------------------------------------------------


class Severity(StrEnum):
    """How much harm a credential of one kind can do, in rising order."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


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
    """What pass 1 looks for: a literal, and what must follow it at once.

    `tail` is a byte regular expression in the common subset of Hyperscan and
    `regex` (classes, bounded repeats, groups, alternation); it is matched
    right behind the literal. A long tail makes the anchor selective: `ghp_`
    occurs in prose, `ghp_` and twelve letters hardly. `loose` is a whole expression
    that must fit too, to the same end: a simpler one, or one that many anchors share,
    for a first look.
    """

    text: bytes
    ignore_case: bool = False
    tail: str = ""
    loose: str = ""


class Companion(NamedTuple):
    """Another part of a multi-part credential, looked for around the first.

    `within` is the distance in bytes, before and after; `lines`, unless
    negative, how many lines it may start above or below. A rule with a
    `required` companion is found only as a whole.
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

    A rule with `judge` has no pattern of its own: engine/judge names the value
    and weighs the evidence, and its findings are reported under this rule. One
    that is `published` looks at what a package or an image holds: a member whose
    name fits `paths` (and whose beginning fits `pattern`) is itself the finding.
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
    judge: bool = False
    drops: tuple[tuple[Any, ...], ...] = ()
    published: bool = False


# -- bytes and where they came from ------------------------------------------


class Origin(NamedTuple):
    """Where content came from. One content may have many origins.

    `kind` is one of worktree, index, blob, commit, tag, note, stash,
    unreachable, stdin, archive, image. Object ids are hex text; `when` is
    ISO 8601 with offset.
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
    origin: `base` counts the bytes in front of this one, `base_line` the lines
    and `base_column` the characters on the line that is cut. Only hits that
    start within `core` (offsets into `data`) count; the margins give context.
    `new` are the spans of lines that are new, where only those are asked for.
    `via` names what was undone to get at `data`, outermost first.
    """

    data: bytes
    origin: Origin
    base: int = 0
    base_line: int = 0
    base_column: int = 0
    core: tuple[int, int] | None = None
    new: tuple[tuple[int, int], ...] | None = None
    via: tuple[str, ...] = ()


class Skipped(NamedTuple):
    """Something that was not looked at, and why.

    An `expected` skip was asked for (an ignore rule, a size limit the user
    set); any other makes the scan incomplete.
    """

    where: str
    reason: str
    expected: bool = False


# -- what was found ----------------------------------------------------------


class Evidence(NamedTuple):
    """One reason for or against; `weight` is in log-odds where it is scored."""

    fact: str
    weight: float = 0.0


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
    """One part of a credential besides the first: a name and a value."""

    name: str
    secret: Secret
    start: int
    end: int


class Hit(NamedTuple):
    """One occurrence in one blob: what the engine returns.

    Offsets are bytes into the blob (for decoded content: into the outermost
    text). `parts` belong to the same credential.
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
    inner_path: str = ""
    inner_line: int = 0


class Dropped(NamedTuple):
    """A candidate that was looked at and let go, for ``--show-ignored``."""

    rule_id: str
    start: int
    end: int
    reason: str
    evidence: tuple[Evidence, ...] = ()


class Sighting(NamedTuple):
    """One credential at one place, as a worker reports it.

    `rule` is an index into the pack; `near` names what the bytes around it say
    that may set it aside: an inline mark, patterns of allow-lists that fit.
    """

    rule: int
    location: Location
    secret: Secret
    parts: tuple[tuple[str, Secret], ...] = ()
    confidence: Confidence = Confidence.MEDIUM
    verdict: Verdict = Verdict()
    evidence: tuple[Evidence, ...] = ()
    near: tuple[str, ...] = ()


class Location(NamedTuple):
    """A place a person can jump to: 1-based lines, columns in characters.

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
    """One credential, with all the places where it stands, oldest first."""

    fingerprint: str
    rule: Rule
    severity: Severity
    confidence: Confidence
    secret: Secret
    parts: tuple[tuple[str, Secret], ...]
    locations: tuple[Location, ...]
    verdict: Verdict = Verdict()
    evidence: tuple[Evidence, ...] = ()


class Stats(NamedTuple):
    """What a scan looked at, and how long that took."""

    bytes: int = 0
    blobs: int = 0
    seconds: float = 0.0
    rules: int = 0


class Ignored(NamedTuple):
    """A finding that triage set aside, and what set it aside."""

    finding: Finding
    by: str


class Scan(NamedTuple):
    """The result of one scan: everything a report may print. `target` is what was asked for, "" if nobody says."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    stats: Stats
    ruleset: str
    complete: bool
    ignored: tuple[Ignored, ...] = ()
    dropped: tuple[tuple[Origin, Dropped], ...] = ()
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    target: str = ""
