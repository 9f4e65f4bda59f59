"""Say of what was seen in history which commit brought it, where, and when.

The scan reads objects and knows nothing of commits. A credential usually
stands in hundreds of versions of a file; what a reader wants to know is the
commit that brought it to that file. So of all versions with one path the oldest
is kept, unless all of them are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from detector.config import Config
from detector.errors import SourceError
from detector.model import Sighting, Skipped
from detector.triage import instant

if TYPE_CHECKING:
    from detector.git.blame import Attribution
    from detector.git.repository import Repository

OBJECTS = ("blob", "commit", "tag")


def place(seen: Iterable[Sighting], config: Config) -> tuple[list[Sighting], list[Skipped]]:
    """Return the sightings with commit, path, author and date, and what could not be placed."""
    placed: list[Sighting] = []
    stored: dict[str, list[Sighting]] = {}
    for sighting in seen:
        origin = sighting.location.origin
        if origin.kind in OBJECTS and origin.object_id and origin.when is None:
            stored.setdefault(origin.repository, []).append(sighting)
        else:
            placed.append(sighting)
    skipped = []
    for repository, sightings in sorted(stored.items()):
        try:
            placed += _placed(repository, sightings, config)
        except SourceError as error:
            placed += sightings
            skipped.append(Skipped(repository or ".", f"commits could not be attributed: {error}"))
    return placed, skipped


def _placed(repository: str, sightings: Sequence[Sighting], config: Config) -> list[Sighting]:
    from detector.git.blame import attribute
    from detector.git.repository import discover

    home = discover(repository or ".", config.allow)
    named = [sighting for sighting in sightings if sighting.location.origin.commit]
    sightings = [sighting for sighting in sightings if not sighting.location.origin.commit]
    origins = [sighting.location.origin for sighting in sightings]
    wanted = {str(origin.object_id): origin.kind for origin in origins}
    found = attribute(home, wanted, config.every_commit, config.workers)
    versions: dict[tuple[object, ...], tuple[tuple[object, ...], list[Sighting]]] = {}
    for sighting in sightings:
        for moved in _moved(sighting, found[str(sighting.location.origin.object_id)]):
            origin = moved.location.origin
            age = (instant(origin.when), origin.commit or "", origin.object_id)
            key: tuple[object, ...] = (origin.kind, origin.path, moved.secret, moved.parts)
            if config.every_commit or not origin.path:
                key = (*key, origin.object_id, origin.commit)
            known = versions.get(key)
            if known is None or age < known[0]:
                versions[key] = age, [moved]
            elif age == known[0]:
                known[1].append(moved)
    return [*_dated(named, home), *(sighting for _, group in versions.values() for sighting in group)]


def _dated(sightings: Sequence[Sighting], repository: Repository) -> Iterator[Sighting]:
    """Add author and date to sightings whose commit is known."""
    from detector.git.blame import authors

    commits = {str(sighting.location.origin.commit) for sighting in sightings}
    found = authors(repository, commits) if commits else {}
    for sighting in sightings:
        origin = sighting.location.origin
        author, when = found.get(str(origin.commit), (None, None))
        yield sighting._replace(location=sighting.location._replace(origin=origin._replace(author=author, when=when)))


def _moved(sighting: Sighting, attribution: Attribution) -> Iterator[Sighting]:
    """Yield *sighting* once for each place that its object is attributed to."""
    location = sighting.location
    origin = location.origin._replace(kind=attribution.kind)
    inner = origin.path  # what lies inside of the object, where it is an archive
    if not attribution.places:
        yield sighting._replace(location=location._replace(origin=origin))
    for at in attribution.places:
        path = at.path if not inner else f"{at.path}!{inner}"
        new = origin._replace(path=path, commit=at.commit, author=at.author, when=at.when)
        yield sighting._replace(location=location._replace(origin=new))
