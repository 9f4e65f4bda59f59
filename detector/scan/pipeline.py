"""One scan, in five steps: plan, examine, attribute, triage, verify.

Sources split the targets into shares; workers examine them; sightings in the
history get their commits; sightings of one credential become a finding;
findings are verified on request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from detector.config import Config
from detector.contracts import Share, TargetNote
from detector.errors import UsageError
from detector.git.safe_git import set_deadline
from detector.log import log_step
from detector.model import (
    Finding,
    Ignored,
    Origin,
    Rule,
    Scan,
    Sighting,
    Skipped,
    Stats,
)
from detector.rules.pack import Pack
from detector.scan import targets
from detector.scan.alert_keys import load_alert_keys
from detector.scan.attribution import Attributor, PlanningState
from detector.scan.masking import make_name_masker
from detector.scan.messages import ExamineOptions, Rejection, ShareProgress, UnusedMark
from detector.scan.policies import IgnorePolicies, covers_roots, describe_unused_marks, load_policies
from detector.scan.pool import FirstSighting, collect_garbage_rarely, examine_shares
from detector.scan.rule_pack import load_rule_pack
from detector.scan.severity import NOTHING_KNOWN, KnownPlaces, assess
from detector.scan.state import ScanState
from detector.scan.tips import find_tips
from detector.scan.triage import build_findings, is_confident, split_ignored

GIT_GRACE = 5.0
"""Seconds after --timeout that git has to say which commits the findings are in."""

INTERRUPTED = Skipped("the rest", "interrupted")


class ScanProgress(NamedTuple):
    """How far a scan is: bytes and blobs done, bytes expected (an estimate)."""

    bytes: int
    blobs: int
    expected: int


OnProgress = Callable[[ScanProgress], None]


@collect_garbage_rarely()
def scan(config: Config, on_progress: OnProgress | None = None) -> Scan:
    """Scan everything that *config* names.

    Raises `LeakfirstError` for what makes a scan impossible; whatever else could
    not be read is in `skipped`. Ctrl-C ends the scan early: the result says
    `interrupted` and holds what was found so far.
    """
    started = time.monotonic()
    pack = load_rule_pack(config)
    if not len(pack.rules):
        raise UsageError("no rule is left to apply; see --only and --skip, and `leakfirst rules list`")
    state = ScanState(config.state, pack, config.every_commit)
    deadline = started + config.timeout if config.timeout else None
    set_deadline(deadline + GIT_GRACE if deadline else None)
    with Attributor(config, state, pack) as attributor:
        planned = plan(config, state, attributor)
        log_step("planned", targets=len(config.targets), shares=len(planned.shares), rules=len(pack.rules))
        options = ExamineOptions(config.show_ignored, planned.policies.line_patterns, state.changed_rules)
        on_sighting = attributor.start_for
        examined = examine(planned.shares, pack, config, options, on_sighting, on_progress, deadline)
        log_step("examined", blobs=examined.blobs, bytes=examined.bytes, sightings=len(examined.sightings))
        attributed = attribute(planned, examined, attributor)
        attributed = keep_wanted(attributed, config)
    masker = make_name_masker(attributed.sightings, pack.rules)
    if examined.is_complete and not attributed.interrupted:
        state.save_objects_read(examined.sightings, masker)
    known = learn_places(attributed.interrupted, examined.sightings, pack.rules, config)
    triaged = triage(masker.mask_sightings(attributed.sightings), pack.rules, planned.policies, config, known)
    verified = VerifyResult(triaged.findings, interrupted=attributed.interrupted)
    if config.verify and not attributed.interrupted:
        verified = verify(triaged.findings, config, known)
    findings, ignored = verified.findings, triaged.ignored
    if config.only or config.skip:
        findings = tuple(without_context(finding) for finding in findings)
        ignored = tuple(entry._replace(finding=without_context(entry.finding)) for entry in ignored)
    skipped = masker.mask_skipped(attributed.skipped)
    complete = all(skip.expected for skip in skipped)
    unused_entries = complete and not verified.interrupted and is_complete_scan(config)
    notes = (
        *verified.notes,
        *planned.notes,
        *state.notes,
        *planned.policies.notes(everything=unused_entries),
        *describe_unused_marks(examined.unused_marks),
    )
    result = Scan(
        findings=findings,
        skipped=tuple(sorted(set(skipped))),
        stats=Stats(examined.bytes, examined.blobs, time.monotonic() - started, len(pack.rules)),
        ruleset=pack.digest,
        complete=complete,
        ignored=tuple(entry._replace(by=masker.mask(entry.by)) for entry in ignored),
        rejected=tuple((masker.mask_origin(one.origin), one.candidate) for one in examined.rejected),
        interrupted=verified.interrupted,
        target=masker.mask(" ".join(config.targets)),
        alert_keys=load_alert_keys((*findings, *(entry.finding for entry in ignored)), config),
        obeyed=planned.policies.obeyed,
        fail_on=config.fail_on,
    )
    return result._replace(notes=(*map(masker.mask, notes), *result.account.describe()))


# -- plan ----------------------------------------------------------------------


class Plan(NamedTuple):
    """What a scan reads, and the policies that decide which findings are ignored."""

    shares: tuple[Share, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    policies: IgnorePolicies


def plan(config: Config, state: ScanState, attributor: Attributor) -> Plan:
    """Split the targets of *config* into shares, and load the ignore policies.

    Raises `UsageError` and `SourceError` for a target that cannot be read at all.
    """
    if config.since or config.range:
        from detector.sources import changes

        claimed = [target for target in config.targets if changes in targets.choose_sources(target, config)]
        changes.check_revisions(claimed, config)
    shares: list[Share] = []
    skipped: list[Skipped] = []
    notes: list[str] = []
    planning = PlanningState(state, attributor)
    for target in config.targets:
        for item in targets.split_target(target, config, planning):
            if isinstance(item, Skipped):
                skipped.append(item)
            elif isinstance(item, TargetNote):
                notes.append(item.text)
            else:
                shares.append(item)
    return Plan(tuple(shares), tuple(skipped), tuple(notes), load_policies(config))


# -- examine -------------------------------------------------------------------


class ExamineResult(NamedTuple):
    """What the workers found in the shares of a scan."""

    sightings: list[Sighting]
    rejected: list[Rejection]
    unused_marks: list[UnusedMark]
    skipped: list[Skipped]
    bytes: int = 0
    blobs: int = 0
    interrupted: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all shares were read to the end."""
        return not self.interrupted and all(skip.expected for skip in self.skipped)


def examine(
    shares: Sequence[Share],
    pack: Pack,
    config: Config,
    options: ExamineOptions,
    on_sighting: Callable[[Origin], None] = lambda _origin: None,
    on_progress: OnProgress | None = None,
    deadline: float | None = None,
) -> ExamineResult:
    """Examine *shares* until all are read, Ctrl-C is pressed or the *deadline* (`time.monotonic`) has passed.

    *on_sighting* is told early where something is found.
    """
    result = ExamineResult([], [], [], [])
    expected = sum(share.weight for share in shares)
    done, interrupted = ShareProgress(0, 0), False
    try:
        for message in examine_shares(shares, pack, config.workers, options):
            if isinstance(message, ShareProgress):
                done = done.plus(message)
                if on_progress:
                    on_progress(ScanProgress(done.bytes, done.blobs, expected))
                if deadline and time.monotonic() > deadline:
                    result.skipped.append(Skipped("the rest", f"--timeout of {config.timeout:g} seconds is over"))
                    break
            elif isinstance(message, Sighting):
                result.sightings.append(message)
                on_sighting(message.location.origin)
            elif isinstance(message, FirstSighting):
                on_sighting(message.origin)
            elif isinstance(message, Rejection):
                result.rejected.append(message)
            elif isinstance(message, UnusedMark):
                result.unused_marks.append(message)
            else:
                result.skipped.append(message)
    except KeyboardInterrupt:
        interrupted = True
        result.skipped.append(INTERRUPTED)
    return result._replace(bytes=done.bytes, blobs=done.blobs, interrupted=interrupted)


# -- attribute -----------------------------------------------------------------


class AttributeResult(NamedTuple):
    """Sightings with commit, path, author and date, and everything that the scan could not read until now."""

    sightings: list[Sighting]
    skipped: list[Skipped]
    interrupted: bool = False


def attribute(planned: Plan, examined: ExamineResult, attributor: Attributor) -> AttributeResult:
    """Attribute sightings in a history to commits. After Ctrl-C they are returned as they are."""
    interrupted = examined.interrupted
    skipped = [*planned.skipped, *examined.skipped]
    try:
        sightings, not_attributed = attributor.attribute(examined.sightings, hurry=interrupted)
    except KeyboardInterrupt:
        interrupted = True
        skipped.append(INTERRUPTED)
        sightings, not_attributed = attributor.attribute(examined.sightings, hurry=True)
    if not interrupted:
        skipped = attributor.describe_skipped(skipped, planned.shares)
    return AttributeResult(sightings, [*skipped, *not_attributed], interrupted)


def keep_wanted(attributed: AttributeResult, config: Config) -> AttributeResult:
    """Leave out what HEAD does not reach, if only that is wanted."""
    if not config.head_only:
        return attributed
    from detector.scan.reachable import keep_reachable

    return attributed._replace(sightings=keep_reachable(attributed.sightings, config))


def learn_places(hurry: bool, sightings: Sequence[Sighting], rules: Sequence[Rule], config: Config) -> KnownPlaces:
    """Return what severity depends on besides the places of a finding; in a *hurry* git is not asked."""
    return KnownPlaces(None if hurry else find_tips(sightings, rules, config), config.targets)


# -- triage --------------------------------------------------------------------


class TriageResult(NamedTuple):
    """The findings to report, and those that are not reported, each with the reason."""

    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...]


def triage(
    sightings: Sequence[Sighting],
    rules: Sequence[Rule],
    policies: IgnorePolicies,
    config: Config,
    known: KnownPlaces = NOTHING_KNOWN,
) -> TriageResult:
    """Build findings from *sightings*, without those that a policy ignores or whose confidence is too low."""
    reported, ignored = split_ignored(sightings, rules, policies.report_key, policies.find_reason, known)
    findings: list[Finding] = []
    for finding in build_findings(reported, rules, policies.report_key, known):
        if is_confident(finding, config.min_confidence):
            findings.append(finding)
        else:
            reason = f"confidence {finding.confidence} is below {config.min_confidence}"
            ignored.append(Ignored(finding, reason))
    return TriageResult(tuple(findings), tuple(ignored))


def without_context(finding: Finding) -> Finding:
    """Show the redacted value alone: rules that were left out mask nothing that stands beside it."""
    shown = finding.secret.redacted
    return finding._replace(locations=tuple(at._replace(snippet=shown) for at in finding.locations))


def is_complete_scan(config: Config) -> bool:
    """Return whether *config* leaves nothing out, so that an entry that matches nothing is out of date."""
    new_only = config.staged or config.since or config.range
    narrowed = new_only or config.head_only or config.only or config.skip or config.state
    read = config.history and config.worktree and not config.as_published and not config.max_size
    return read and not narrowed and covers_roots(config.targets)


# -- verify --------------------------------------------------------------------


class VerifyResult(NamedTuple):
    """Findings with what their providers answered."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    interrupted: bool = False


def verify(findings: tuple[Finding, ...], config: Config, known: KnownPlaces = NOTHING_KNOWN) -> VerifyResult:
    """Ask the providers whether *findings* are active; their severity follows the answers."""
    from detector.verify import verify_findings

    result = VerifyResult(*verify_findings(findings, config))
    return result._replace(findings=tuple(assess(finding, known) for finding in result.findings))
