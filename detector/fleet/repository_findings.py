"""Describe the findings in the flagged objects of a repository, without any credential value.

This is the second half of a scan (scan/pipeline.py), for objects that the first
half is known to find something in: they are read again, attributed, triaged and
masked. What is ignored is decided by the operator's configuration and the files
at HEAD, because a bare clone has nothing checked out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from detector.config import Config
from detector.fingerprint import compute_fingerprint
from detector.fleet.incremental import IncrementalMemory
from detector.fleet.lifecycle import FindingLocation, ObservedFinding
from detector.fleet.object_ids import split_rows
from detector.fleet.owners import FILES, MAX_SIZE, CodeOwners, Owners
from detector.fleet.tasks import CollectFindings, RepositoryFindings
from detector.git.branch_heads import CurrentLocation, find_in_branch_heads
from detector.ignores.loader import HeadReader, load_policy
from detector.model import Finding, Ignored, Location, PlaceClass, Sighting, Skipped, VerdictState
from detector.scan import attribution, triage
from detector.scan.masking import NameMasker, make_name_masker
from detector.scan.messages import ExamineOptions, ShareProgress
from detector.scan.policies import IgnorePolicies
from detector.scan.recheck import recheck_with_paths
from detector.scan.severity import KnownPlaces
from detector.scan.tips import may_be_critical
from detector.scan.worker import examine_safely
from detector.secret import Secret
from detector.text.places import classify_place

if TYPE_CHECKING:
    from detector.engine.stored import Stored
    from detector.fleet.worker import LoadedRules, Worker
    from detector.git.history import HistoryShare
    from detector.git.repository import Repository
    from detector.model import Blob

BRANCH_HEAD = "branch-head"
"""The kind of a location that is current, but not where the credential came in."""

_DAY = re.compile(rb"20\d\d-[01]\d-[0-3]\d")


def collect_findings(
    worker: Worker, task: CollectFindings, scanned: Sequence[Sighting] = ()
) -> Iterator[ShareProgress | RepositoryFindings]:
    """Read the flagged objects again; yield progress, and the findings last.

    With the snapshot of the last result, only the flagged objects that count are
    read (incremental.py). *scanned* are sightings that were made with
    `line_patterns` just now; their objects are not read again.
    """
    flagged = [name.hex() for name in split_rows(task.flagged, task.id_bytes)]
    rules, config = worker.load_rules(), worker.settings.config
    repository = worker.open_repository(task.entry, task.refs_digest)
    in_names = _find_in_names(repository, rules)
    if not flagged and not in_names:
        yield RepositoryFindings(())
        return
    newly_flagged = [name.hex() for name in split_rows(task.newly_flagged, task.id_bytes)]
    memory = IncrementalMemory(repository, flagged, newly_flagged, task.attributions)
    heads = find_in_branch_heads(repository, flagged)
    files_at_head = HeadReader(repository, FILES)
    today = time.strftime("%Y-%m-%d")
    policies = _load_policies(files_at_head, config, today)

    in_memory = {str(sighting.location.origin.object_id) for sighting in scanned}
    names = sorted({*memory.objects_to_read, *(head.object_id for head in heads)} - in_memory)
    reread = _Reread(repository, names, policies)
    with attribution.Attributor(config._replace(jobs=1), memory, rules.pack) as places:  # one of many processes already
        yield from reread.read(rules, scanned, places, memory)
        sightings = reread.sightings
        counted = set(memory.objects_to_read)
        placed, unplaced = places.attribute(one for one in sightings if one.location.origin.object_id in counted)
        named, unnamed = places.attribute(in_names)
    placed += named
    skipped = [*reread.skipped, *unplaced, *unnamed, *_list_unread(repository, names, reread.delivered)]
    masker = make_name_masker(placed, rules.pack.rules)

    current = _locate_at_heads(heads, sightings, rules, config, policies, skipped, masker)
    for sighting in masker.mask_sightings(named):
        current.setdefault(compute_fingerprint(sighting.secret, rules.key), []).append(sighting.location)
    owners = Owners(
        task.entry.name,
        dict(worker.settings.owners),
        _load_code_owners(files_at_head),
        lambda path: masker.mask(_find_last_committer(repository, path)),
    )
    masked = list(masker.mask_sightings(placed))
    known = _learn_tips(masked, current, rules)
    kept, ignored = triage.split_ignored(masked, rules.pack.rules, rules.key, policies.find_reason, known)
    ignored = [one._replace(by=masker.mask(one.by)) for one in ignored]
    findings = triage.build_findings(kept, rules.pack.rules, rules.key, known)
    yield RepositoryFindings(
        describe_findings(findings, ignored, lambda finding: current.get(finding.fingerprint, ()), owners, config),
        tuple(masker.mask_skipped(skipped)),
        _find_next_change([*files_at_head.given, repr(config.operator).encode()], today),
        memory.save(masker),
        len(names),
    )


def _learn_tips(
    sightings: Iterable[Sighting], current: Mapping[str, Iterable[Location]], rules: LoadedRules
) -> KnownPlaces:
    """Return where the values that may be critical stand at branch heads, as `tips.find_tips` does for a scan."""
    tips: dict[Secret, set[PlaceClass]] = {}
    for sighting in sightings:
        if sighting.secret not in tips and may_be_critical(sighting, rules.pack.rules):
            at_heads = current.get(compute_fingerprint(sighting.secret, rules.key), ())
            tips[sighting.secret] = {classify_place(at.origin.path) for at in at_heads}
    return KnownPlaces(tips)


def _find_in_names(repository: Repository, rules: LoadedRules) -> list[Sighting]:
    """Return what is found in the names of refs, and of files at branch heads."""
    from detector.git.current_names import NameShare

    share = NameShare(repository, repository.work_tree or repository.git_dir)
    return [message for message in examine_safely(share, rules.engine) if isinstance(message, Sighting)]


def line_patterns(repository: Repository, config: Config) -> tuple[str, ...]:
    """Return the patterns of the allow-lists at HEAD that have to be matched with the line of each hit."""
    return _load_policies(HeadReader(repository, FILES), config, time.strftime("%Y-%m-%d")).line_patterns


def _load_policies(files_at_head: HeadReader, config: Config, today: str) -> IgnorePolicies:
    policy = load_policy(files_at_head, operator=config.operator, baseline_file=config.baseline, today=today)
    return IgnorePolicies([policy])


# -- reading flagged objects again ---------------------------------------------


class _Reread:
    """Flagged objects that are read again: their sightings, and what could not be read."""

    def __init__(self, repository: Repository, names: Sequence[str], policies: IgnorePolicies) -> None:
        self._share = _FlaggedObjects(repository, names)
        self._options = ExamineOptions(patterns=policies.line_patterns)
        self.sightings: list[Sighting] = []
        self.skipped: list[Skipped] = []

    @property
    def delivered(self) -> Collection[str]:
        """The objects that were read."""
        return self._share.delivered

    def read(
        self,
        rules: LoadedRules,
        scanned: Sequence[Sighting],
        places: attribution.Attributor,
        memory: IncrementalMemory,
    ) -> Iterator[ShareProgress]:
        """Read the objects. *places* learns early about those that need an attribution."""
        self.sightings.extend(scanned)
        counted = set(memory.objects_to_read)
        for sighting in scanned[:1]:
            places.start_for(sighting.location.origin)
        for message in examine_safely(self._share, rules.engine, self._options):
            if isinstance(message, Sighting):
                self.sightings.append(message)
                if message.location.origin.object_id in counted:
                    places.start_for(message.location.origin)
            elif isinstance(message, Skipped):
                self.skipped.append(message)
            elif isinstance(message, ShareProgress):
                yield message


class _FlaggedObjects:
    """Flagged objects as a share that records which of them were delivered."""

    def __init__(self, repository: Repository, names: Sequence[str]) -> None:
        from detector.git import shares
        from detector.git.history import HistoryShare

        part = shares.ObjectShare(repository, reread=tuple(names), cost=float(len(names)), objects=len(names))
        self._share: HistoryShare = HistoryShare(part, repository.work_tree or repository.git_dir)
        self.delivered: set[str] = set()
        self.weight = self._share.weight
        self.name = self._share.name
        self.published = False
        self.read_before = False

    def read(self) -> Iterator[Blob | Skipped]:
        return self._share.read()

    def read_objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        for stored in self._share.read_objects(skipped):
            self.delivered.add(stored.id.hex())
            yield stored

    def make_blob(self, stored: Stored) -> Blob:
        return self._share.make_blob(stored)


def _list_unread(repository: Repository, names: Iterable[str], delivered: Collection[str]) -> Iterator[Skipped]:
    """Yield the objects that exist but were not read."""
    from detector.git.safe_git import run_safe_git

    unread = "".join(f"{name}\n" for name in names if name not in delivered)
    answer = run_safe_git(repository, "cat-file", "--batch-check", data=unread.encode()) if unread else b""
    for line in answer.decode("ascii", "replace").splitlines():
        if not line.endswith(" missing"):
            yield Skipped(line.split()[0], "object with findings could not be read again")


# -- files and dates -----------------------------------------------------------


def _load_code_owners(files_at_head: HeadReader) -> CodeOwners | None:
    """Return the first CODEOWNERS file at HEAD."""
    for name in FILES:
        content = files_at_head(name)
        if content is not None and len(content) <= MAX_SIZE:
            return CodeOwners(content.decode("utf-8", "replace"))
    return None


def _find_next_change(texts: Iterable[bytes], today: str) -> str:
    """Return the day after the first date in *texts* that is not past, or ""."""
    days = [day for text in texts for day in (found.decode() for found in _DAY.findall(text)) if day >= today]
    try:
        return (date.fromisoformat(min(days)) + timedelta(days=1)).isoformat() if days else ""
    except ValueError:  # looks like a date but is none
        return (date.fromisoformat(today) + timedelta(days=1)).isoformat()


# -- current locations ---------------------------------------------------------


def _locate_at_heads(
    heads: Iterable[CurrentLocation],
    sightings: Iterable[Sighting],
    rules: LoadedRules,
    config: Config,
    policies: IgnorePolicies,
    skipped: list[Skipped],
    masker: NameMasker,
) -> dict[str, list[Location]]:
    """Return for each fingerprint its locations at branch heads that are not ignored."""
    by_object: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        if sighting.location.origin.kind == "blob":
            by_object.setdefault(str(sighting.location.origin.object_id), []).append(sighting)
    moved: list[Sighting] = []
    for head in heads:
        for sighting in by_object.get(head.object_id, ()):
            origin = sighting.location.origin
            path = f"{head.path}!{origin.path}" if origin.path else head.path
            here = origin._replace(path=path, commit=head.commit)
            moved.append(sighting._replace(location=sighting.location._replace(origin=here)))
    found: dict[str, list[Location]] = {}
    for sighting in masker.mask_sightings(recheck_with_paths(moved, rules.pack, config, skipped)):
        if not policies.find_reason(sighting, rules.pack.rules[sighting.rule]):
            found.setdefault(compute_fingerprint(sighting.secret, rules.key), []).append(sighting.location)
    return found


def describe_findings(
    findings: Iterable[Finding],
    ignored: Iterable[Ignored],
    find_current: Callable[[Finding], Iterable[Location]],
    owners: Owners,
    config: Config,
) -> tuple[ObservedFinding, ...]:
    """Describe all findings without their values, by fingerprint; one that is too unsure counts as ignored.

    *find_current* returns the current locations of a finding.
    """
    found = {one.finding.fingerprint: _describe_finding(one.finding, (), owners, one.by) for one in ignored}
    for finding in findings:
        reason = "" if triage.is_confident(finding, config.min_confidence) else f"confidence {finding.confidence}"
        found[finding.fingerprint] = _describe_finding(finding, find_current(finding), owners, reason)
    return tuple(found[name] for name in sorted(found))


def _describe_finding(finding: Finding, current: Iterable[Location], owners: Owners, ignored: str) -> ObservedFinding:
    """Describe *finding* without its value; *ignored* is why it is ignored, if it is."""
    at_heads = {_identify(at): at for at in current}
    locations = [_make_location(at, bool(at_heads.pop(_identify(at), None))) for at in finding.locations]
    locations += [_make_location(at, True)._replace(kind=BRANCH_HEAD) for _, at in sorted(at_heads.items())]
    first = next((location for location in locations if location.at_head), locations[0])
    return ObservedFinding(
        fingerprint=finding.fingerprint,
        rule=finding.rule.id,
        severity=finding.severity,
        confidence=finding.confidence,
        redacted=finding.secret.redacted,
        at_head=first.at_head,
        locations=tuple(locations),
        owner="" if ignored else owners.find(first.path, locations[0].author),
        verdict=finding.verdict.state if finding.verdict.state in (VerdictState.LIVE, VerdictState.DEAD) else "",
        ignored=ignored,
    )


def _identify(at: Location) -> tuple[str, str | None, int]:
    return at.origin.path, at.origin.object_id, at.start


def _make_location(at: Location, at_head: bool) -> FindingLocation:
    origin = at.origin
    values = origin.object_id or "", origin.commit or "", at.line, at.column, origin.author or "", origin.when or ""
    return FindingLocation(origin.kind, origin.path, *values, at_head)


def _find_last_committer(repository: Repository, path: str) -> str:
    """Return who last changed *path* at HEAD, or ""."""
    from detector.errors import SourceError
    from detector.git.refs import read_head
    from detector.git.safe_git import run_safe_git

    commit = read_head(repository)
    if not commit:
        return ""
    words = ("log", "-1", "--format=%cN <%cE>", "--no-mailmap", commit, "--", f":(literal){path}")
    try:
        return run_safe_git(repository, *words).decode("utf-8", "replace").strip()
    except SourceError:
        return ""
