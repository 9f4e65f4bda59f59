"""Packages of a registry in a sweep: every published version, as a repository is its history.

An archive takes the place of an object: its id is a digest of the digest that the registry names.
What was read without a finding is not downloaded again, also not for another package.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from detector import __version__
from detector.contracts import TargetNote
from detector.errors import SourceError
from detector.fleet.object_ids import split_rows
from detector.fleet.owners import Owners
from detector.fleet.package_address import parse_address
from detector.fleet.repository_findings import describe_findings
from detector.fleet.tasks import RepositoryFindings, RepositoryResult, ScanRepository, ShareResult, Survey, SurveyResult
from detector.git.history import HistoryPlan, NoState
from detector.ignores.loader import load_policy
from detector.model import Sighting, Skipped
from detector.scan import triage
from detector.scan.masking import make_name_masker
from detector.scan.messages import ExamineOptions, ShareProgress
from detector.scan.policies import IgnorePolicies
from detector.scan.state import list_containers
from detector.scan.targets import load_source
from detector.scan.worker import examine_safely

if TYPE_CHECKING:
    from detector.config import Config
    from detector.contracts import Share
    from detector.fleet.inventory import RepositoryEntry
    from detector.fleet.worker import Worker
    from detector.git.repository import Repository

ID_BYTES = 32


class _Archives(NoState):
    """Which archives there are: ids by place. Those in *known* are not read."""

    def __init__(self, known: Iterable[bytes] = ()) -> None:
        self._known = frozenset(known)
        self.ids: dict[str, list[bytes]] = {}
        self.listed: set[bytes] = set()

    def plan(self, name: str, repository: Repository, workers: int) -> HistoryPlan:
        """See `HistoryState`; a package has no history."""
        raise NotImplementedError

    def needs_reading(self, digest: str, place: str) -> bool:
        """Return whether the archive at *place* has to be read."""
        name = hashlib.blake2b(digest.encode(), digest_size=ID_BYTES, person=b"archive").digest()
        self.listed.add(name)
        if name in self._known:
            return False
        self.ids.setdefault(place, []).append(name)
        return True


def survey_package(worker: Worker, task: Survey) -> Iterator[SurveyResult]:
    """List the archives of all versions of a package."""
    archives = _Archives()
    _, skipped = _list_shares(worker, task.entry, archives)
    if failed := [skip for skip in skipped if not skip.expected]:
        raise SourceError(f"{failed[0].where}: {failed[0].reason}")
    ids = b"".join(sorted(archives.listed))
    config, settings = worker.settings.config, worker.settings
    policy = (config.min_confidence, config.operator.get("ignore"), config.operator.get("allow"), settings.owners)
    described = repr((ids, settings.rules_digest, __version__, policy, config.only, config.skip)).encode()
    digest = hashlib.blake2b(described, digest_size=16).hexdigest()
    yield SurveyResult(digest, ID_BYTES, ids, unchanged=digest == task.state_digest)


def scan_package(worker: Worker, task: ScanRepository) -> Iterator[ShareProgress | RepositoryResult]:
    """Read the archives of a package that are new or hold findings, and describe the findings."""
    flagged_before = set(split_rows(task.flagged, ID_BYTES))
    archives = _Archives(set(split_rows(task.known, ID_BYTES)) - flagged_before)
    shares, skipped = _list_shares(worker, task.entry, archives)
    rules, config = worker.load_rules(), worker.settings.config
    policy = load_policy(None, operator=config.operator, baseline_file=config.baseline, today=time.strftime("%Y-%m-%d"))
    policies = IgnorePolicies([policy])
    sightings: list[Sighting] = []
    for share in shares:
        for message in examine_safely(share, rules.engine, ExamineOptions(patterns=policies.line_patterns)):
            if isinstance(message, ShareProgress):
                yield message
            elif isinstance(message, Sighting):
                sightings.append(message)
            elif isinstance(message, Skipped):
                skipped.append(message)
    flagged = _find_ids(archives, (sighting.location.origin.path for sighting in sightings))
    unread = [skip.where for skip in skipped if not skip.expected]
    read = {name for names in archives.ids.values() for name in names}
    lost = _find_ids(archives, unread) if all(_is_place(archives, where) for where in unread) else read
    masker = make_name_masker(sightings, rules.pack.rules)
    scan = ShareResult(
        ID_BYTES,
        b"".join(sorted(read - flagged - lost)),
        b"".join(sorted(flagged)),
        tuple(masker.mask_skipped(skipped)),
        objects=len(read),
    )
    kept, ignored = triage.split_ignored(
        masker.mask_sightings(sightings), rules.pack.rules, rules.key, policies.find_reason
    )
    owners = Owners(task.entry.name, dict(worker.settings.owners), None, lambda _path: "")
    ignored = [one._replace(by=masker.mask(one.by)) for one in ignored]
    findings = triage.build_findings(kept, rules.pack.rules, rules.key)
    described = describe_findings(findings, ignored, lambda finding: finding.locations, owners, config)
    yield RepositoryResult(scan, RepositoryFindings(described, reread_objects=len(flagged_before)))


def _list_shares(worker: Worker, entry: RepositoryEntry, archives: _Archives) -> tuple[Sequence[Share], list[Skipped]]:
    address = parse_address(entry.url)
    source = load_source(address.source)
    config: Config = worker.settings.config._replace(
        registry=address.registry, operator={**worker.settings.config.operator, **worker.settings.clones.operator}
    )
    shares: list[Share] = []
    skipped: list[Skipped] = []
    for item in source.split(f"{address.source}:{address.name}@all", config, archives):
        if isinstance(item, Skipped):
            skipped.append(item)
        elif not isinstance(item, TargetNote):
            shares.append(item)  # type: ignore[arg-type]
    return shares, skipped


def _find_ids(archives: _Archives, paths: Iterable[str]) -> set[bytes]:
    places = {place for path in paths for place in list_containers(path)}
    return {name for place in places for name in archives.ids.get(place, ())}


def _is_place(archives: _Archives, path: str) -> bool:
    return any(place in archives.ids for place in list_containers(path))
