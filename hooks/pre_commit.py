"""Refuse a commit that would bring a credential in.

It looks at what is being committed, the blobs in the index, never at the
working tree. A value that the last commit already holds in the same file (or
in one that this commit renames) is no news and not in the way here; a merge is
asked only for what none of its parents has.

git works while Python loads, and everything a clean commit does not need is
imported after something was found.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hooks import _git

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.model import Blob, Sighting, Skipped
    from detector.secret import Secret
    from hooks import _examine

CLEAN, FOUND, INCOMPLETE = 0, 1, 3


def main(arguments: list[str]) -> int:
    """Look at the index; return 0 to let the commit happen."""
    if os.environ.get("LEAKFIRST_SKIP", "") not in ("", "0"):
        from hooks import _audit

        _audit.note(_git.common_directory(_git.directory()), "pre-commit", "skipped", why="LEAKFIRST_SKIP")
        return CLEAN
    listing = _git.start_listing()
    objects = _git.Objects()
    try:
        return _check(arguments, listing, objects)
    finally:
        objects.close()


def _check(arguments: Sequence[str], listing: _git.Running, objects: _git.Objects) -> int:
    from hooks import _examine

    chosen = _examine.options(arguments)
    engine = _examine.engine_for(chosen)
    changes = _git.staged(listing)
    added = [change for change in _of_this_commit(changes) if change.new]
    if not added:
        return CLEAN
    seen = _examine.look(_portion(objects, added), engine)
    if seen.sightings:
        from detector.scan.masking import make_name_masker

        known = _Before(objects, engine, changes)
        news = [sighting for sighting in seen.sightings if not known.holds(sighting)]
        if news:
            return _say(news, seen, chosen, engine, objects, added)
        seen = seen._replace(troubles=make_name_masker(seen.sightings, engine.rules).mask_skipped(seen.troubles))
    return _incomplete(seen.troubles, chosen.strict)


def _of_this_commit(changes: list[_git.Change]) -> list[_git.Change]:
    """Leave out of a merge what one of the merged commits has in the same place."""
    parents = _git.merged_parents(_git.directory())
    for parent in parents:
        differing = {change.path for change in _git.staged(_git.start_listing(parent))}
        changes = [change for change in changes if change.path in differing]
    return changes


def _portion(objects: _git.Objects, changes: Sequence[_git.Change]) -> _examine.Portion:
    from detector.model import Origin
    from hooks import _examine

    def read() -> Iterator[Blob | Skipped]:
        wanted = [(change.new, Origin("index", change.path, object_id=change.new)) for change in changes]
        return _examine.contents(objects, wanted)

    return _examine.Portion(read)


class _Before:
    """What the last commit already holds, file by file; read only where something was found."""

    def __init__(self, objects: _git.Objects, engine: Engine, changes: Sequence[_git.Change]) -> None:
        self._objects, self._engine = objects, engine
        self._old = {change.path: change.old for change in changes if change.old}
        self._gone = [change for change in changes if change.old and not change.new]
        self._values: dict[str, set[Secret]] = {}

    def holds(self, sighting: Sighting) -> bool:
        """Tell whether the value of *sighting* was in its file, or in a file that goes away."""
        path = sighting.location.origin.path
        places = [path] if path in self._old else [change.path for change in self._gone]
        return any(sighting.secret in self._values_in(place) for place in places)

    def _values_in(self, path: str) -> set[Secret]:
        values = self._values.get(path)
        if values is None:
            data = self._objects.text(self._old[path]) or b""
            values = self._values[path] = {hit.secret for hit in self._engine.scan(data, path)}
        return values


def _say(
    news: Sequence[Sighting],
    everything: _examine.Seen,
    chosen: _examine.Options,
    engine: Engine,
    objects: _git.Objects,
    added: Sequence[_git.Change],
) -> int:
    """Set aside what is known, describe the rest; return the exit code."""
    from detector.ignores.loader import make_folder_reader
    from hooks import _audit, _examine, _message

    places = {(sighting.location.origin.path, sighting.location.start) for sighting in news}
    paths = {path for path, _ in places}

    def again(patterns: Sequence[str]) -> _examine.Seen:
        seen = _examine.look(_portion(objects, [change for change in added if change.path in paths]), engine, patterns)
        new = [s for s in seen.sightings if (s.location.origin.path, s.location.start) in places]
        return seen._replace(sightings=new)

    judged = _examine.judge(news, engine, chosen, make_folder_reader("."), again, everything.sightings)
    if not judged.findings:
        return _incomplete(judged.masker.mask_skipped(everything.troubles), chosen.strict)
    findings = judged.findings
    names = list(dict.fromkeys(finding.locations[0].origin.path for finding in findings))
    again_with = f"git add {_message.safe(names[0])}" if len(names) == 1 and names[0] in paths else "git add the files"
    advice = (
        "Take the value out of the file: read it from the environment or a secret store.\n"
        f"Then {again_with}, and commit again.",
        _message.revocation(findings),
        _message.FALSE_ALARM,
        "To commit all the same, once:  LEAKFIRST_SKIP=1 git commit ...  or  git commit --no-verify\n"
        "(the hook for pushes looks again)",
    )
    title = f"not committed: this commit would bring in {_message.count(len(findings))}"
    print(_message.refusal(title, findings, advice), file=sys.stderr)
    _audit.note(
        _git.common_directory(_git.directory()),
        "pre-commit",
        "refused",
        **_audit.facts_of(findings, judged.ignored),
    )
    return FOUND


def _incomplete(troubles: Sequence[Skipped], strict: bool) -> int:
    if not troubles:
        return CLEAN
    from hooks import _message

    print(_message.incomplete(troubles), file=sys.stderr)
    return INCOMPLETE if strict else CLEAN
