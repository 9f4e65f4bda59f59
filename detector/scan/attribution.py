"""Say of what was seen in history which commit brought it, where, and when.

The scan reads objects and knows nothing of commits. A credential usually
stands in hundreds of versions of a file; what a reader wants to know is the
commit that brought it to that file. So of all versions with one path the oldest
is kept, unless all of them are asked for.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from detector.config import Config
from detector.contracts import Share
from detector.errors import SourceError
from detector.model import Blob, Origin, Sighting, Skipped
from detector.rules.pack import Pack, build_engine
from detector.scan.locate import SpanIndex
from detector.scan.pool import WorkerPool
from detector.scan.state import ScanState
from detector.scan.triage import to_timestamp
from detector.scan.worker import find_sightings
from detector.sources.remote import get_clone_url

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.git.blame import Attribution, Blame, Introduction
    from detector.git.repository import Repository

OBJECTS = ("blob", "commit", "tag")

_OBJECT = re.compile(r"(?:.*:)?(?P<id>[0-9a-f]{40}(?:[0-9a-f]{24})?)(?P<inner>!.*)?", re.DOTALL)
"""Where something was not looked at in history, as it is told before paths are known."""

EARLY_START_BYTES = 32 << 20
"""Bytes of packs from which on dividing a repository takes a noticeable time."""

MIN_PARALLEL_OBJECTS = 200
"""From so many objects on that have to be judged again several processes do it sooner than one."""


class Attributor:
    """Attribution for one scan: it begins beside the scan, with the first object of a repository that is flagged,
    or before that where the first repository is large.

    A context manager: leaving it ends whatever still runs.
    """

    def __init__(self, config: Config, memory: ScanState, pack: Pack) -> None:
        self._config = config
        self._memory = memory
        self._pack = pack
        self._blames: dict[str, Blame | None] = {}

    def __enter__(self) -> Attributor:
        return self

    def __exit__(self, *_: object) -> None:
        for blame in self._blames.values():
            if blame:
                blame.__exit__()

    def start_early(self, repository: str) -> None:
        """Begin with a large *repository* while its objects are still being divided: a processor is free by then.

        In nearly every large one something is flagged; where nothing is, the work was in vain. Of several
        targets only the first is begun with so early: the others would all run at once.
        """
        if self._config.workers > 1 and not self._config.state and not self._blames:
            self._begin(repository, {}, EARLY_START_BYTES)

    def start_for(self, origin: Origin) -> None:
        """Something was seen at *origin*: begin with its repository, unless an earlier scan has left what it takes."""
        if origin.kind != "blob" or origin.commit or not origin.object_id:
            return
        self._begin(origin.repository, {origin.object_id: origin.kind})

    def _begin(self, repository: str, seen: Mapping[str, str], least: int = 0) -> None:
        if repository in self._blames:
            return
        from detector.git.blame import Blame
        from detector.git.repository import discover
        from detector.git.shares import measure_packs

        try:
            home = discover(repository or ".", self._config.allow)
            if least and measure_packs(home) < least:
                return
            self._blames[repository] = None
            if seen and not self._config.every_commit and self._memory.load_attributions(home, seen):
                return
            blame = Blame(home, self._config.every_commit)
            self._blames[repository] = blame.__enter__()
            blame.start()
        except SourceError:
            self._blames.setdefault(repository, None)  # `place` meets it again, and reports it

    def attribute(self, seen: Iterable[Sighting], hurry: bool = False) -> tuple[list[Sighting], list[Skipped]]:
        """Return the sightings with commit, path, author and date, and what could not be placed.

        In a *hurry* (Ctrl-C ends git, too) they are returned as they are.
        """
        if hurry:
            return [_labelled(sighting) for sighting in seen], []
        return _place_all(seen, self._config, self._memory, self._pack, self._blames)

    def describe_skipped(self, skipped: list[Skipped], shares: Iterable[Share]) -> list[Skipped]:
        """Call what could not be looked at in history by path and commit: an id says nothing to anybody."""
        about = {skip: match for skip in skipped if (match := _OBJECT.fullmatch(skip.where))}
        if all(skip.expected for skip in about):
            return skipped
        from detector.sources.history import HistoryShare

        ids = {match["id"] for match in about.values()}
        found: dict[str, tuple[str, Introduction]] = {}
        for repository in {share.repository: None for share in shares if isinstance(share, HistoryShare)}:
            with suppress(SourceError):  # then the ids have to do
                places = _brought(repository, ids - set(found), self._config, self._blames.get(repository))
                found |= {name: (repository, place) for name, place in places.items()}
        return [
            _called(skip, about[skip], *found.get(about[skip]["id"], ())) if skip in about else skip for skip in skipped
        ]


def _place_all(
    seen: Iterable[Sighting], config: Config, memory: ScanState, pack: Pack, blames: Mapping[str, Blame | None]
) -> tuple[list[Sighting], list[Skipped]]:
    placed: list[Sighting] = []
    stored: dict[str, list[Sighting]] = {}
    for sighting in seen:
        origin = sighting.location.origin
        if origin.kind in OBJECTS and origin.object_id and origin.when is None:
            stored.setdefault(origin.repository, []).append(sighting)
        else:
            placed.append(sighting)
    skipped: list[Skipped] = []
    for repository, sightings in sorted(stored.items()):
        try:
            placed += _placed(repository, sightings, config, memory, blames.get(repository))
        except SourceError as error:
            placed += sightings
            skipped.append(Skipped(repository or ".", f"commits could not be attributed: {error}"))
    looked = recheck_with_paths(placed, pack, config, skipped, config.workers)
    return [_labelled(sighting) for sighting in looked], skipped


def recheck_with_paths(
    seen: Iterable[Sighting], pack: Pack, config: Config, skipped: list[Skipped], workers: int = 1
) -> list[Sighting]:
    """Judge what has no format of its own again, now that the path of its file is known.

    A bare word behind `password =` is a value in a properties file and a variable
    in code; while an object is scanned, nobody knows which, and whatever may be a credential in a file of
    some kind is seen. Its end may depend on the kind, too.
    """
    kept: list[Sighting] = []
    doubtful: dict[_Doubt, list[Sighting]] = {}
    for sighting in seen:
        origin = sighting.location.origin
        judged = pack.rules[sighting.rule].scored and "!" not in origin.path
        path = MESSAGE_PATH if origin.kind in ("commit", "tag") else origin.path
        if judged and origin.object_id and path:
            doubtful.setdefault(_Doubt(origin.repository, path, origin.object_id), []).append(sighting)
        else:
            kept.append(sighting)
    answers: dict[_Doubt, list[Sighting]] = {}
    for message in _all_again(sorted(doubtful), pack, config, workers):
        if isinstance(message, Skipped):
            skipped.append(message)
        else:
            answers[message[0]] = message[1]
    for doubt, sightings in doubtful.items():
        if doubt not in answers:
            kept += sightings
            continue
        places: dict[tuple[int, int], list[Sighting]] = {}
        for one in sightings:
            places.setdefault((one.location.start, one.location.end), []).append(one)
        seen_before = SpanIndex(places)
        for found in answers[doubt]:
            at = found.location
            before = [one for span in seen_before.overlapping(at.start, at.end) for one in places[span]]
            kept += (
                one._replace(
                    rule=found.rule,
                    location=at._replace(origin=one.location.origin),
                    secret=found.secret,
                    confidence=found.confidence,
                    evidence=found.evidence,
                )
                for one in {one.location.origin: one for one in reversed(before)}.values()
            )
    return kept


MESSAGE_PATH = "message"
"""In place of the path of a commit or a tag: a text like any other."""


class _Doubt(NamedTuple):
    """An object whose path is known now; in order, the versions of a file stand together."""

    repository: str
    path: str
    object_id: str


def _all_again(
    doubts: list[_Doubt], pack: Pack, config: Config, workers: int
) -> Iterator[tuple[_Doubt, list[Sighting]] | Skipped]:
    if workers <= 1 or len(doubts) < MIN_PARALLEL_OBJECTS:
        if doubts:
            yield from _again(build_engine(pack), config, doubts)
        return
    some = max(MIN_PARALLEL_OBJECTS // 4, len(doubts) // (4 * workers))
    tasks = deque(doubts[at : at + some] for at in range(0, len(doubts), some))
    yield from WorkerPool(tasks, workers, partial(_answering, pack, config), _not_again).run()


def _answering(
    pack: Pack, config: Config
) -> Callable[[list[_Doubt]], Iterator[tuple[_Doubt, list[Sighting]] | Skipped]]:
    return partial(_again, build_engine(pack), config)


def _again(engine: Engine, config: Config, doubts: list[_Doubt]) -> Iterator[tuple[_Doubt, list[Sighting]] | Skipped]:
    """Read the objects of *doubts*, which are sorted, and judge them with their paths; what is gone is left out."""
    for repository, these in groupby(doubts, itemgetter(0)):
        group = list(these)
        try:
            contents = _contents(repository, sorted({doubt.object_id for doubt in group}), config)
        except SourceError as error:
            yield _not_again(group, str(error))
            continue
        for doubt in group:
            if (data := contents.get(doubt.object_id)) is not None:
                blob = Blob(data, Origin("blob", doubt.path, repository, doubt.object_id))
                found = [one for one in find_sightings(engine, blob) if one.location.origin.path == doubt.path]
                yield doubt, [one for one in found if engine.rules[one.rule].scored]


def _not_again(doubts: list[_Doubt], why: str) -> Skipped:
    return Skipped(doubts[0].repository or ".", f"findings could not be looked at again: {why}")


def _contents(repository: str, names: list[str], config: Config) -> dict[str, bytes]:
    from detector.git.objects import cat_file
    from detector.git.repository import discover

    found = cat_file(discover(repository or ".", config.allow), names)
    return {name: data for name, _, data in found if data is not None}


def _labelled(sighting: Sighting) -> Sighting:
    """Name a clone of ours by its URL."""
    origin = sighting.location.origin
    if not (origin.repository and (name := get_clone_url(origin.repository)) != origin.repository):
        return sighting
    return sighting._replace(location=sighting.location._replace(origin=origin._replace(repository=name)))


def _placed(
    repository: str, sightings: Sequence[Sighting], config: Config, memory: ScanState, begun: Blame | None
) -> list[Sighting]:
    from detector.git.blame import attribute
    from detector.git.repository import discover

    home = discover(repository or ".", config.allow)
    named = [sighting for sighting in sightings if sighting.location.origin.commit]
    sightings = [sighting for sighting in sightings if not sighting.location.origin.commit]
    origins = [sighting.location.origin for sighting in sightings]
    wanted = {str(origin.object_id): origin.kind for origin in origins}
    found = {} if config.every_commit else memory.load_attributions(home, wanted)
    if not found:
        found = begun.attribute(wanted) if begun else attribute(home, wanted, config.every_commit)
    versions: dict[tuple[object, ...], tuple[tuple[object, ...], list[tuple[Sighting, Origin]]]] = {}
    ages = {at.when: to_timestamp(at.when) for attribution in found.values() for at in attribution.introductions}
    for sighting in sightings:
        for origin in _origins(sighting.location.origin, found[str(sighting.location.origin.object_id)]):
            when = ages[origin.when] if origin.when in ages else to_timestamp(origin.when)
            age = (when, origin.commit or "", origin.object_id)
            key: tuple[object, ...] = (origin.kind, origin.path, sighting.secret, sighting.parts)
            if config.every_commit or not origin.path:
                key = (*key, origin.object_id, origin.commit)
            known = versions.get(key)
            if known is None or age < known[0]:
                versions[key] = age, [(sighting, origin)]
            elif age == known[0]:
                known[1].append((sighting, origin))
    kept = [
        sighting._replace(location=sighting.location._replace(origin=origin))
        for _, group in versions.values()
        for sighting, origin in group
    ]
    if not config.every_commit:
        memory.record_attributions(home, found, {str(sighting.location.origin.object_id) for sighting in kept})
    return [*_dated(named, home), *kept]


def _dated(sightings: Sequence[Sighting], repository: Repository) -> Iterator[Sighting]:
    """Add author and date to sightings whose commit is known."""
    from detector.git.blame import read_authors

    commits = {str(sighting.location.origin.commit) for sighting in sightings}
    found = read_authors(repository, commits) if commits else {}
    for sighting in sightings:
        origin = sighting.location.origin
        author, when = found.get(str(origin.commit), (None, None))
        yield sighting._replace(location=sighting.location._replace(origin=origin._replace(author=author, when=when)))


def _brought(repository: str, names: set[str], config: Config, begun: Blame | None) -> dict[str, Introduction]:
    """Return the oldest place of those blobs that *repository* has, where it is known."""
    from detector.git.blame import attribute
    from detector.git.repository import discover
    from detector.git.safe_git import SafeGit

    home = discover(repository or ".", config.allow)
    with SafeGit(home) as git:
        wanted = {name: kind for name, kind in git.read_types(sorted(names)) if kind == "blob"}
    found = begun.attribute(wanted) if begun and wanted else attribute(home, wanted, config.every_commit)
    return {name: attribution.introductions[0] for name, attribution in found.items() if attribution.introductions}


def _called(skip: Skipped, match: re.Match[str], repository: str = "", place: Introduction | None = None) -> Skipped:
    if not place:
        return skip
    where = f"{get_clone_url(repository)}:" if repository else ""
    at = f"(blob {match['id'][:7]} of commit {place.commit[:7]})"
    return skip._replace(where=f"{where}{place.path}{match['inner'] or ''} {at}")


def _origins(origin: Origin, attribution: Attribution) -> Iterator[Origin]:
    """Yield *origin* once for each place that its object is attributed to."""
    inner = origin.path  # what lies inside of the object, where it is an archive
    if not attribution.introductions:
        yield origin._replace(kind=attribution.kind)
    for at in attribution.introductions:
        path = at.path if not inner else f"{at.path}!{inner}"
        yield origin._replace(kind=attribution.kind, path=path, commit=at.commit, author=at.author, when=at.when)
