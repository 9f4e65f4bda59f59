"""Find the commit, path, author and date of what was found in the history of a repository.

The scan reads objects and knows nothing about commits. A credential usually
stands in hundreds of versions of a file; what matters is the commit that added
it to that file. So of all versions with one path the oldest is kept, unless all
of them are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from detector.config import Config
from detector.contracts import Share
from detector.errors import SourceError
from detector.model import OBJECT_KINDS, Origin, Sighting, Skipped
from detector.rules.pack import Pack
from detector.scan.recheck import recheck_with_paths
from detector.scan.state import ScanState
from detector.scan.triage import to_timestamp
from detector.sources.remote import get_clone_url

if TYPE_CHECKING:
    from detector.git.blame import Attribution, Blame, Introduction
    from detector.git.history import HistoryPlan
    from detector.git.repository import Repository

_OBJECT = re.compile(r"(?:.*:)?(?P<id>[0-9a-f]{40}(?:[0-9a-f]{24})?)(?P<inner>!.*)?", re.DOTALL)
"""`Skipped.where` of an object in a history, before its path is known."""

MISSING_HISTORY = "objects are missing: not all commits could be compared, so some findings are without their commit"

EARLY_START_BYTES = 32 << 20
"""Size of the packs of a repository above which planning it takes noticeable time."""


class Attributor:
    """Attributes the sightings of one scan.

    git walks the history while the workers are still scanning: from the first sighting
    in a repository on, or even earlier if the first repository is large. A context
    manager; leaving it ends whatever still runs.
    """

    def __init__(self, config: Config, state: ScanState, pack: Pack) -> None:
        self._config = config
        self._state = state
        self._pack = pack
        self._blames: dict[str, Blame | None] = {}

    def __enter__(self) -> Attributor:
        return self

    def __exit__(self, *_: object) -> None:
        for blame in self._blames.values():
            if blame:
                blame.__exit__()

    def start_early(self, name: str, repository: Repository) -> None:
        """Start with a large *repository* while its objects are being planned, when a processor is idle.

        In nearly every large one something is found; if nothing is, the work was in
        vain. Only the first repository is started so early: all others would run at once.
        """
        if self._config.workers <= 1 or self._config.state or self._blames:
            return
        from detector.git.shares import measure_packs

        if measure_packs(repository) >= EARLY_START_BYTES:
            with suppress(SourceError):  # `attribute` meets it again, and reports it
                self._start(name, repository)

    def start_for(self, origin: Origin) -> None:
        """Start with the repository of *origin*, where something was found, unless the state has what is needed."""
        if origin.kind != "blob" or origin.commit or not origin.object_id or origin.repository in self._blames:
            return
        from detector.git.repository import discover

        self._blames[origin.repository] = None
        with suppress(SourceError):  # `attribute` meets it again, and reports it
            repository = discover(origin.repository or ".", self._config.allow)
            wanted = {origin.object_id: origin.kind}
            if self._config.every_commit or not self._state.load_attributions(repository, wanted):
                self._start(origin.repository, repository)

    def _start(self, name: str, repository: Repository) -> None:
        from detector.git.blame import Blame

        blame = Blame(repository, self._config.every_commit)
        self._blames[name] = blame.__enter__()
        blame.start()

    def attribute(self, sightings: Iterable[Sighting], hurry: bool = False) -> tuple[list[Sighting], list[Skipped]]:
        """Return the sightings with commit, path, author and date, and what could not be attributed.

        In a *hurry* (Ctrl-C ends git, too) they are returned without.
        """
        if hurry:
            return [_name_clone(sighting) for sighting in sightings], []
        attributed: list[Sighting] = []
        by_repository: dict[str, list[Sighting]] = {}
        for sighting in sightings:
            origin = sighting.location.origin
            if origin.kind in OBJECT_KINDS and origin.object_id and origin.when is None:
                by_repository.setdefault(origin.repository, []).append(sighting)
            else:
                attributed.append(sighting)
        skipped: list[Skipped] = []
        for name, group in sorted(by_repository.items()):
            try:
                attributed += self._attribute_group(name, group)
                if (blame := self._blames.get(name)) and not blame.is_complete and not blame.repository.shallow:
                    skipped.append(Skipped(name or ".", MISSING_HISTORY))
            except SourceError as error:
                attributed += group
                skipped.append(Skipped(name or ".", f"commits could not be attributed: {error}"))
        rechecked = recheck_with_paths(attributed, self._pack, self._config, skipped, self._config.workers)
        return [_name_clone(sighting) for sighting in rechecked], skipped

    def _attribute_group(self, name: str, sightings: Sequence[Sighting]) -> list[Sighting]:
        """Attribute the sightings of one repository."""
        from detector.git.repository import discover

        repository = discover(name or ".", self._config.allow)
        with_commit = [sighting for sighting in sightings if sighting.location.origin.commit]
        without = [sighting for sighting in sightings if not sighting.location.origin.commit]
        wanted = {str(at.object_id): at.kind for at in (sighting.location.origin for sighting in without)}
        found = {} if self._config.every_commit else self._state.load_attributions(repository, wanted)
        found = found or self._find_attributions(name, repository, wanted)
        kept = _keep_oldest(without, found, self._config.every_commit)
        if not self._config.every_commit:
            counting = {str(sighting.location.origin.object_id) for sighting in kept}
            self._state.record_attributions(repository, found, counting)
        return [*_add_authors(with_commit, repository), *kept]

    def _find_attributions(
        self, name: str, repository: Repository, wanted: Mapping[str, str]
    ) -> dict[str, Attribution]:
        from detector.git.blame import Blame

        if not wanted:
            return {}
        started = self._blames.get(name)
        if started is None:
            started = self._blames[name] = Blame(repository, self._config.every_commit).__enter__()
        return started.attribute(wanted)

    def describe_skipped(self, skipped: list[Skipped], shares: Iterable[Share]) -> list[Skipped]:
        """Name objects that could not be read by path and commit instead of by id."""
        objects = {skip: match for skip in skipped if (match := _OBJECT.fullmatch(skip.where))}
        if all(skip.expected for skip in objects):
            return skipped
        from detector.git.history import HistoryShare

        ids = {match["id"] for match in objects.values()}
        found: dict[str, tuple[str, Introduction]] = {}
        for name in {share.repository: None for share in shares if isinstance(share, HistoryShare)}:
            with suppress(SourceError):  # then the ids have to do
                introductions = self._find_introductions(name, ids - set(found))
                found |= {object_id: (name, introduction) for object_id, introduction in introductions.items()}
        described = []
        for skip in skipped:
            match = objects.get(skip)
            where = _describe_object(match, *found[match["id"]]) if match and match["id"] in found else skip.where
            described.append(skip._replace(where=where))
        return described

    def _find_introductions(self, name: str, ids: set[str]) -> dict[str, Introduction]:
        """Return where those of the blobs *ids* that the repository has were first added."""
        from detector.git.repository import discover
        from detector.git.safe_git import SafeGit

        repository = discover(name or ".", self._config.allow)
        with SafeGit(repository) as git:
            blobs = {object_id: kind for object_id, kind in git.read_types(sorted(ids)) if kind == "blob"}
        found = self._find_attributions(name, repository, blobs) if blobs else {}
        return {object_id: at.introductions[0] for object_id, at in found.items() if at.introductions}


class PlanningState(NamedTuple):
    """The state of a scan that also starts to attribute when the first repository is planned."""

    state: ScanState
    attributor: Attributor

    def plan(self, name: str, repository: Repository, workers: int) -> HistoryPlan:
        """Divide what has to be read of *repository* into shares."""
        self.attributor.start_early(name, repository)
        return self.state.plan(name, repository, workers)

    def needs_reading(self, digest: str, place: str) -> bool:
        """Return whether the content has to be read."""
        return self.state.needs_reading(digest, place)


def _keep_oldest(
    sightings: Iterable[Sighting], attributions: Mapping[str, Attribution], every_commit: bool
) -> list[Sighting]:
    """Return the sightings with their commits; of equal ones with one path only the oldest, unless all are wanted."""
    versions: dict[tuple[object, ...], tuple[tuple[object, ...], list[tuple[Sighting, Origin]]]] = {}
    timestamps = {at.when: to_timestamp(at.when) for found in attributions.values() for at in found.introductions}
    for sighting in sightings:
        for origin in _expand_origin(sighting.location.origin, attributions[str(sighting.location.origin.object_id)]):
            when = timestamps[origin.when] if origin.when in timestamps else to_timestamp(origin.when)
            age = (when, origin.commit or "", origin.object_id)
            key: tuple[object, ...] = (origin.kind, origin.path, sighting.secret, sighting.parts)
            if every_commit or not origin.path:
                key = (*key, origin.object_id, origin.commit)
            known = versions.get(key)
            if known is None or age < known[0]:
                versions[key] = age, [(sighting, origin)]
            elif age == known[0]:
                known[1].append((sighting, origin))
    return [
        sighting._replace(location=sighting.location._replace(origin=origin))
        for _, group in versions.values()
        for sighting, origin in group
    ]


def _expand_origin(origin: Origin, attribution: Attribution) -> Iterator[Origin]:
    """Yield *origin* once for each introduction of its object."""
    inner = origin.path  # within the object, if it is an archive
    if not attribution.introductions:
        yield origin._replace(kind=attribution.kind)
    for at in attribution.introductions:
        path = at.path if not inner else f"{at.path}!{inner}"
        yield origin._replace(kind=attribution.kind, path=path, commit=at.commit, author=at.author, when=at.when)


def _add_authors(sightings: Sequence[Sighting], repository: Repository) -> Iterator[Sighting]:
    """Add author and date to sightings whose commit is known."""
    from detector.git.blame import read_authors

    commits = {str(sighting.location.origin.commit) for sighting in sightings}
    found = read_authors(repository, commits) if commits else {}
    for sighting in sightings:
        origin = sighting.location.origin
        author, when = found.get(str(origin.commit), (None, None))
        yield sighting._replace(location=sighting.location._replace(origin=origin._replace(author=author, when=when)))


def _name_clone(sighting: Sighting) -> Sighting:
    """Replace the folder of a temporary clone by its URL."""
    origin = sighting.location.origin
    if not (origin.repository and (url := get_clone_url(origin.repository)) != origin.repository):
        return sighting
    return sighting._replace(location=sighting.location._replace(origin=origin._replace(repository=url)))


def _describe_object(match: re.Match[str], repository: str, at: Introduction) -> str:
    where = f"{get_clone_url(repository)}:" if repository else ""
    return f"{where}{at.path}{match['inner'] or ''} (blob {match['id'][:7]} of commit {at.commit[:7]})"
