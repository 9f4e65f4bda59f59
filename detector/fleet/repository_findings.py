"""What the flagged objects of a repository say: read again, placed, judged, and freed of every value.

This is the second half of a scan (pipeline.py) for objects of which the first
half is known to find something. What is allowed comes from the operator and
from the files at HEAD, where a bare clone has nothing checked out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from detector.config import Config
from detector.fingerprint import fingerprint
from detector.fleet.incremental import Growth
from detector.fleet.lifecycle import Place, Sight
from detector.fleet.owners import FILES, MAX_SIZE, CodeOwners, Owners
from detector.git.branch_heads import Tip, tips
from detector.ignores.gathering import HeadReader, gather
from detector.model import Finding, Location, Sighting, Skipped, VerdictState
from detector.scan import attribution, triage
from detector.scan.masking import Veil, veil_of
from detector.scan.policies import Policies
from detector.scan.pool import guarded
from detector.scan.worker import Options, Progress

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.engine.stored import Stored
    from detector.git.repository import Repository
    from detector.model import Blob
    from detector.rules.pack import Pack
    from detector.sources.history import HistoryShare

_DAY = re.compile(rb"20\d\d-[01]\d-[0-3]\d")


class Told(NamedTuple):
    """What is in a repository.

    `recheck` is the day when something that is set aside has to be looked at
    again, `kept` what the next telling needs (incremental.py), and `again` says how
    many objects were read for it.
    """

    sights: tuple[Sight, ...]
    skipped: tuple[Skipped, ...] = ()
    recheck: str = ""
    kept: bytes = b""
    again: int = 0


def tell(
    repository: Repository,
    name: str,
    flagged: Collection[str],
    fresh: Collection[str],
    before: bytes,
    pack: Pack,
    engine: Engine,
    key: bytes,
    config: Config,
    owners: Mapping[str, str],
    known: Iterable[Sighting] = (),
) -> Iterator[Progress | Told]:
    """Read the *flagged* objects again and yield progress, and last what is in them.

    *fresh* are those that were flagged just now; with what was kept *before*
    (incremental.py) others are read only if they count. What is *known* was seen in
    fresh objects just now, with the `line_patterns`; these are not read again.
    """
    memory = Growth(repository, flagged, fresh, before)
    standing_now = tips(repository, flagged)
    wanted = sorted({*memory.wanted, *(tip.object_id for tip in standing_now)})
    counts = set(memory.wanted)
    head = HeadReader(repository, FILES)
    today = time.strftime("%Y-%m-%d")
    policies = _policies(head, config, today)
    where = repository.work_tree or repository.git_dir
    seen = list(known)
    given = {str(sighting.location.origin.object_id) for sighting in seen}
    wanted = [name for name in wanted if name not in given]
    share = _Again(repository, where, wanted)
    skipped: list[Skipped] = []
    with attribution.Placing(config._replace(jobs=1), memory, pack) as places:  # here is one of many processes already
        for sighting in seen[:1]:
            places.notice(sighting.location.origin)
        for message in guarded(share, engine, Options(patterns=policies.line_patterns)):
            if isinstance(message, Sighting):
                seen.append(message)
                if message.location.origin.object_id in counts:
                    places.notice(message.location.origin)
            elif isinstance(message, Skipped):
                skipped.append(message)
            elif isinstance(message, Progress):
                yield message
        placed, unplaced = places.place(one for one in seen if one.location.origin.object_id in counts)
    skipped += [*unplaced, *_not_given(repository, wanted, share.given)]
    veil = veil_of(placed, pack.rules)
    placed = veil.sightings(placed)
    standing = _standing(standing_now, seen, pack, key, config, policies, skipped, veil)
    kept, ignored = triage.set_aside(placed, pack.rules, key, policies.why)
    owned = Owners(name, owners, _code_owners(head), lambda path: veil.text(_last_committer(repository, path)))
    told = {entry.finding.fingerprint: _sight(entry.finding, {}, owned, veil.text(entry.by)) for entry in ignored}
    for finding in triage.gather(kept, pack.rules, key):
        unsure = "" if triage.confident(finding, config.min_confidence) else f"confidence {finding.confidence}"
        told[finding.fingerprint] = _sight(finding, standing, owned, unsure)
    recheck = _next_change([*head.given, repr(config.operator).encode()], today)
    sights = tuple(told[name] for name in sorted(told))
    yield Told(sights, tuple(veil.skipped(skipped)), recheck, memory.kept(veil), len(wanted))


def line_patterns(repository: Repository, config: Config) -> tuple[str, ...]:
    """Return what must be tried on the line of each hit, for the sake of what is allowed at HEAD."""
    return _policies(HeadReader(repository, FILES), config, time.strftime("%Y-%m-%d")).line_patterns


def _policies(head: HeadReader, config: Config, today: str) -> Policies:
    return Policies([gather(head, operator=config.operator, baseline_file=config.baseline, today=today)])


# -- reading them again ------------------------------------------------------


class _Again:
    """The flagged objects as a share that notes what it was given."""

    def __init__(self, repository: Repository, where: str, names: list[str]) -> None:
        from detector.git import shares
        from detector.sources.history import HistoryShare

        part = shares.Share(repository, again=tuple(names), cost=float(len(names)), objects=len(names))
        self._share: HistoryShare = HistoryShare(part, where)
        self.given: set[str] = set()
        self.weight = self._share.weight
        self.name = self._share.name

    def blobs(self) -> Iterator[Blob | Skipped]:
        return self._share.blobs()

    def objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        for stored in self._share.objects(skipped):
            self.given.add(stored.id.hex())
            yield stored

    def blob(self, stored: Stored) -> Blob:
        return self._share.blob(stored)


def _not_given(repository: Repository, names: Iterable[str], given: Collection[str]) -> Iterator[Skipped]:
    """Name the objects that are there and yet were not read."""
    from detector.git.repository import safe_git

    left = "".join(f"{name}\n" for name in names if name not in given)
    said = safe_git(repository, "cat-file", "--batch-check", given=left.encode()) if left else b""
    for line in said.decode("ascii", "replace").splitlines():
        if not line.endswith(" missing"):
            yield Skipped(line.split()[0], "object with findings could not be read again")


def _code_owners(head: HeadReader) -> CodeOwners | None:
    """Return the first file of owners."""
    for name in FILES:
        found = head(name)
        if found is not None and len(found) <= MAX_SIZE:
            return CodeOwners(found.decode("utf-8", "replace"))
    return None


def _next_change(texts: Iterable[bytes], today: str) -> str:
    """Return the day after the first day that *texts* name and that is not over, or ""."""
    days = [day for text in texts for day in (found.decode() for found in _DAY.findall(text)) if day >= today]
    try:
        return (date.fromisoformat(min(days)) + timedelta(days=1)).isoformat() if days else ""
    except ValueError:  # looks like a day and is none
        return (date.fromisoformat(today) + timedelta(days=1)).isoformat()


# -- today -------------------------------------------------------------------


def _standing(
    now: Iterable[Tip],
    seen: Iterable[Sighting],
    pack: Pack,
    key: bytes,
    config: Config,
    policies: Policies,
    skipped: list[Skipped],
    veil: Veil,
) -> dict[str, list[Location]]:
    """Return for each fingerprint where it stands at a tip and nothing sets it aside."""
    by_object: dict[str, list[Sighting]] = {}
    for sighting in seen:
        if sighting.location.origin.kind == "blob":
            by_object.setdefault(str(sighting.location.origin.object_id), []).append(sighting)
    moved: list[Sighting] = []
    for tip in now:
        for sighting in by_object.get(tip.object_id, ()):
            origin = sighting.location.origin
            path = f"{tip.path}!{origin.path}" if origin.path else tip.path
            here = origin._replace(path=path, commit=tip.commit)
            moved.append(sighting._replace(location=sighting.location._replace(origin=here)))
    found: dict[str, list[Location]] = {}
    for sighting in veil.sightings(attribution.second_look(moved, pack, config, skipped)):
        if not policies.why(sighting, pack.rules[sighting.rule]):
            found.setdefault(fingerprint(sighting.secret, key), []).append(sighting.location)
    return found


def _sight(finding: Finding, standing: Mapping[str, list[Location]], owners: Owners, ignored: str) -> Sight:
    """Tell *finding* without its value."""
    today = {(at.origin.path, at.origin.object_id, at.start): at for at in standing.get(finding.fingerprint, ())}
    places = [_place(at, bool(today.pop(_spot(at), None))) for at in finding.locations]
    places += [_place(at, True)._replace(kind="tip") for _, at in sorted(today.items())]
    at_tip = any(place.tip for place in places)
    first = next((place for place in places if place.tip), places[0])
    return Sight(
        fingerprint=finding.fingerprint,
        rule=finding.rule.id,
        severity=finding.severity,
        confidence=finding.confidence,
        shown=finding.secret.redacted,
        at_tip=at_tip,
        places=tuple(places),
        owner="" if ignored else owners.of(first.path, places[0].author),
        verdict=finding.verdict.state if finding.verdict.state in (VerdictState.LIVE, VerdictState.DEAD) else "",
        ignored=ignored,
    )


def _spot(at: Location) -> tuple[str, str | None, int]:
    return at.origin.path, at.origin.object_id, at.start


def _place(at: Location, tip: bool) -> Place:
    origin = at.origin
    told = origin.object_id or "", origin.commit or "", at.line, at.column, origin.author or "", origin.when or ""
    return Place(origin.kind, origin.path, *told, tip)


def _last_committer(repository: Repository, path: str) -> str:
    from detector.errors import SourceError
    from detector.git.repository import head, safe_git

    tip = head(repository)
    if not tip:
        return ""
    try:
        said = safe_git(repository, "log", "-1", "--format=%cN <%cE>", "--no-mailmap", tip, "--", f":(literal){path}")
    except SourceError:
        return ""
    return said.decode("utf-8", "replace").strip()
