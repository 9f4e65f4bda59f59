"""Examine objects of a history again, once their paths are known.

A bare word behind `password =` is a value in a properties file and a variable in
code. While an object is scanned its path is unknown, so whatever may be a
credential in some kind of file is a sighting. Rules without a format of their own
score such sightings again with the path; where a value ends may depend on it, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from detector.config import Config
from detector.errors import SourceError
from detector.model import Blob, Origin, Sighting, Skipped
from detector.rules.pack import Pack, build_engine
from detector.scan.locate import SpanIndex
from detector.scan.pool import TaskHandler, WorkerPool
from detector.scan.worker import find_sightings

if TYPE_CHECKING:
    from detector.engine.engine import Engine

MIN_PARALLEL_OBJECTS = 200
"""Number of objects from which several processes are faster than one."""

MESSAGE_PATH = "message"
"""In place of the path of a commit or a tag: a text like any other."""


class ObjectAtPath(NamedTuple):
    """An object to examine again. In sorted order, the versions of a file come one after another."""

    repository: str
    path: str
    object_id: str


class RecheckResult(NamedTuple):
    """What is found in an object when its path is known."""

    object: ObjectAtPath
    sightings: list[Sighting]


def recheck_with_paths(
    sightings: Iterable[Sighting], pack: Pack, config: Config, skipped: list[Skipped], workers: int = 1
) -> list[Sighting]:
    """Return *sightings*, those of scored rules as they are with their path, if they still are.

    What cannot be read again keeps its sightings and is appended to *skipped*.
    """
    kept: list[Sighting] = []
    doubtful: dict[ObjectAtPath, list[Sighting]] = {}
    for sighting in sightings:
        origin = sighting.location.origin
        scored = pack.rules[sighting.rule].scored and "!" not in origin.path
        path = MESSAGE_PATH if origin.kind in ("commit", "tag") else origin.path
        if scored and origin.object_id and path:
            doubtful.setdefault(ObjectAtPath(origin.repository, path, origin.object_id), []).append(sighting)
        else:
            kept.append(sighting)
    results: dict[ObjectAtPath, list[Sighting]] = {}
    for message in _examine_again(sorted(doubtful), pack, config, workers):
        if isinstance(message, Skipped):
            skipped.append(message)
        else:
            results[message.object] = message.sightings
    for at, before in doubtful.items():
        kept += _match_sightings(before, results[at]) if at in results else before
    return kept


def _match_sightings(before: Iterable[Sighting], after: Iterable[Sighting]) -> Iterator[Sighting]:
    """Yield what is found *after* with the origins of what overlapped it *before*."""
    by_span: dict[tuple[int, int], list[Sighting]] = {}
    for one in before:
        by_span.setdefault((one.location.start, one.location.end), []).append(one)
    spans = SpanIndex(by_span)
    for found in after:
        at = found.location
        overlapping = [one for span in spans.overlapping(at.start, at.end) for one in by_span[span]]
        for one in {one.location.origin: one for one in reversed(overlapping)}.values():
            yield one._replace(
                rule=found.rule,
                location=at._replace(origin=one.location.origin),
                secret=found.secret,
                confidence=found.confidence,
                evidence=found.evidence,
                judgement=found.judgement,
            )


def _examine_again(
    objects: list[ObjectAtPath], pack: Pack, config: Config, workers: int
) -> Iterator[RecheckResult | Skipped]:
    if workers <= 1 or len(objects) < MIN_PARALLEL_OBJECTS:
        if objects:
            yield from _examine_objects(build_engine(pack), config, objects)
        return
    size = max(MIN_PARALLEL_OBJECTS // 4, len(objects) // (4 * workers))
    tasks = deque(objects[at : at + size] for at in range(0, len(objects), size))
    yield from WorkerPool(tasks, workers, partial(_begin_examining, pack, config), _skip_objects).run()


def _begin_examining(pack: Pack, config: Config) -> TaskHandler:
    return partial(_examine_objects, build_engine(pack), config)


def _examine_objects(
    engine: Engine, config: Config, objects: Iterable[ObjectAtPath]
) -> Iterator[RecheckResult | Skipped]:
    """Examine *objects*, which are sorted, with their paths; what is gone is left out."""
    for repository, group in groupby(objects, attrgetter("repository")):
        members = list(group)
        try:
            contents = _read_objects(repository, sorted({at.object_id for at in members}), config)
        except SourceError as error:
            yield _skip_objects(members, str(error))
            continue
        for at in members:
            if (data := contents.get(at.object_id)) is not None:
                blob = Blob(data, Origin("blob", at.path, repository, at.object_id))
                found = [one for one in find_sightings(engine, blob) if one.location.origin.path == at.path]
                yield RecheckResult(at, [one for one in found if engine.rules[one.rule].scored])


def _skip_objects(objects: list[ObjectAtPath], reason: str) -> Skipped:
    return Skipped(objects[0].repository or ".", f"findings could not be looked at again: {reason}")


def _read_objects(repository: str, names: list[str], config: Config) -> dict[str, bytes]:
    from detector.git.objects import cat_file
    from detector.git.repository import discover

    found = cat_file(discover(repository or ".", config.allow), names)
    return {name: data for name, _, data in found if data is not None}
