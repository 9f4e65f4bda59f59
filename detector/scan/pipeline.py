"""The story, in a screenful: bytes come in, findings go out.

Sources split the targets into shares, workers examine them, what was seen is
put together into findings, placed in history, sorted, verified on request.
"""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from detector.config import Config
from detector.contracts import Share
from detector.errors import UsageError
from detector.log import step
from detector.model import Finding, Ignored, Origin, RejectedCandidate, Rule, Scan, Sighting, Skipped, Stats
from detector.rules import pack as packs
from detector.scan import attribution, policies, pool, targets, triage
from detector.scan.masking import make_name_masker
from detector.scan.messages import ExamineOptions, Progress, Rejection, UnusedMark
from detector.scan.state import ScanState


class Tally(NamedTuple):
    """How far a scan is: bytes and blobs done, bytes expected (an estimate)."""

    bytes: int
    blobs: int
    expected: int


OnProgress = Callable[[Tally], None]


@pool.collect_garbage_rarely()
def scan(config: Config, on_progress: OnProgress | None = None) -> Scan:
    """Look at everything that *config* names and return what was found.

    Raises `LeakfirstError` for what makes no scan possible; whatever else could
    not be looked at is in `skipped`. Ctrl-C ends the scan early: the result says
    `interrupted` and holds what was found so far.
    """
    started = time.monotonic()
    pack = load_rule_pack(config)
    if not len(pack.rules):
        raise UsageError("no rule is left to apply; see --only and --skip, and `leakfirst rules list`")
    if config.since or config.range:
        from detector.sources import changes

        changes.check_revisions(
            [target for target in config.targets if targets.choose_sources(target, config) == ["changes"]], config
        )
    memory = ScanState(config.state, pack, config.every_commit)
    shares: list[Share] = []
    skipped: list[Skipped] = []
    unused: list[UnusedMark] = []
    seen: list[Sighting] = []
    rejected: list[tuple[Origin, RejectedCandidate]] = []
    done = Progress(0, 0)
    deadline = started + config.timeout if config.timeout else None
    interrupted = False
    with attribution.Attributor(config, memory, pack) as places:
        for target in config.targets:
            if "history" in targets.choose_sources(target, config):
                places.start_early("" if target == "." else target)
            for entry in targets.split_target(target, config, memory):
                (skipped if isinstance(entry, Skipped) else shares).append(entry)  # type: ignore[arg-type]
        step("planned", targets=len(config.targets), shares=len(shares), rules=len(pack.rules))
        ignoring = policies.load_policies(config)
        planned = len(skipped)
        expected = sum(share.weight for share in shares)
        try:
            options = ExamineOptions(config.show_ignored, ignoring.line_patterns, memory.changed)
            for message in pool.examine_shares(shares, pack, config.workers, options):
                if isinstance(message, Progress):
                    done = done.plus(message)
                    if on_progress:
                        on_progress(Tally(done.bytes, done.blobs, expected))
                    if deadline and time.monotonic() > deadline:
                        skipped.append(Skipped("the rest", f"--timeout of {config.timeout:g} seconds is over"))
                        break
                elif isinstance(message, Sighting):
                    seen.append(message)
                    places.start_for(message.location.origin)
                elif isinstance(message, pool.FirstSighting):
                    places.start_for(message.origin)
                elif isinstance(message, Rejection):
                    rejected.append((message.origin, message.candidate))
                elif isinstance(message, UnusedMark):
                    unused.append(message)
                else:
                    skipped.append(message)
        except KeyboardInterrupt:
            interrupted = True
            skipped.append(Skipped("the rest", "interrupted"))
        step("examined", blobs=done.blobs, bytes=done.bytes, sightings=len(seen))
        read_all = not interrupted and all(skip.expected for skip in skipped[planned:])
        flagged = seen  # also what gives way to an older version: that may be gone from the history next time
        try:
            seen, unplaced = places.attribute(flagged, hurry=interrupted)
        except KeyboardInterrupt:
            interrupted, read_all = True, False
            skipped.append(Skipped("the rest", "interrupted"))
            seen, unplaced = places.attribute(flagged, hurry=True)
        if not interrupted:
            skipped = places.describe_skipped(skipped, shares)
    masker = make_name_masker(seen, pack.rules)
    seen = masker.mask_sightings(seen)
    if read_all:
        memory.save_objects_read(flagged, masker)
    seen, ignored = triage.split_ignored(seen, pack.rules, ignoring.report_key, ignoring.find_reason)
    findings = triage.build_findings(seen, pack.rules, ignoring.report_key)
    kept = tuple(finding for finding in findings if triage.is_confident(finding, config.min_confidence))
    unsure = tuple(
        Ignored(finding, f"confidence {finding.confidence} is below {config.min_confidence}")
        for finding in findings
        if not triage.is_confident(finding, config.min_confidence)
    )
    skipped = masker.mask_skipped([*skipped, *unplaced])
    complete = all(skip.expected for skip in skipped)
    notes: tuple[str, ...] = ()
    if config.verify and not interrupted:
        from detector.verify import ask

        kept, notes, interrupted = ask(kept, config)
    ignored = [*ignored, *unsure]
    if config.only or config.skip:
        kept = tuple(without_context(finding) for finding in kept)
        ignored = [entry._replace(finding=without_context(entry.finding)) for entry in ignored]
    notes = (
        *notes,
        *(note for target in config.targets for note in targets.unread(target, config)),
        *memory.notes,
        *ignoring.notes(everything=complete and not interrupted and is_complete_scan(config)),
        *_describe_unused_marks(unused),
    )
    return Scan(
        findings=kept,
        skipped=tuple(sorted(set(skipped))),
        stats=Stats(done.bytes, done.blobs, time.monotonic() - started, len(pack.rules)),
        ruleset=pack.digest,
        complete=complete,
        ignored=tuple(entry._replace(by=masker.mask(entry.by)) for entry in ignored),
        rejected=tuple((masker.mask_origin(origin), rejected) for origin, rejected in rejected),
        notes=tuple(map(masker.mask, notes)),
        interrupted=interrupted,
        target=masker.mask(" ".join(config.targets)),
    )


def without_context(finding: Finding) -> Finding:
    """Show the redacted value alone: rules that were left out hide nothing of what stands beside it."""
    shown = finding.secret.redacted
    return finding._replace(locations=tuple(at._replace(snippet=shown) for at in finding.locations))


def is_complete_scan(config: Config) -> bool:
    """Tell whether *config* leaves nothing out, so that what an entry does not match is gone."""
    narrowed = config.staged or config.since or config.range or config.only or config.skip or config.state
    read = config.history and config.worktree and not config.as_published and not config.max_size
    return read and not narrowed and policies.covers_roots(config.targets)


def _describe_unused_marks(unused: Sequence[UnusedMark]) -> Iterator[str]:
    """Name our own unused marks one by one, and count those that may serve another tool."""
    ours = [mark for mark in unused if mark.text.startswith("leakfirst")]
    for mark in sorted(ours)[: policies.MAX_NAMED]:
        yield f"{mark.origin.path}:{mark.line}: {mark.text} ignores nothing and can be removed"
    if len(ours) > policies.MAX_NAMED:
        yield f"{len(ours) - policies.MAX_NAMED} more marks ignore nothing"
    if others := sorted(set(unused) - set(ours)):
        first = others[0]
        where = f"{first.text}, {first.origin.path}:{first.line}"
        yield f"{len(others)} marks of other tools ignore nothing (the first: {where})"


def load_rule_pack(config: Config) -> packs.Pack:
    """Return the rules that *config* asks for, compiled. Raises `RuleError`, `UsageError`."""
    files: list[str] = []
    for path in config.patterns:
        files += packs.rule_files(path) if os.path.isdir(path) else [path]
    return packs.load(files, select=_selector(config), selection=f"{config.only}{config.skip}", engine=config.engine)


def _selector(config: Config) -> Callable[[Sequence[Rule]], Sequence[Rule]] | None:
    if not config.only and not config.skip:
        return None

    def fits(rule: Rule, *globs: str) -> bool:
        return any(fnmatch.fnmatchcase(rule.id, glob) for glob in globs)

    def wanted(rules: Sequence[Rule]) -> Sequence[Rule]:
        idle = [repr(glob) for glob in (*config.only, *config.skip) if not any(fits(rule, glob) for rule in rules)]
        if idle:
            raise UsageError(f"no rule fits {', '.join(idle)}; see `leakfirst rules list`")
        return [rule for rule in rules if fits(rule, *(config.only or ("*",))) and not fits(rule, *config.skip)]

    return wanted
