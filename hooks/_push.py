"""What pushes have in common: look at what commits bring in, judge it, say it, note it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from detector.git import changes
from detector.git.repository import Repository, discover
from detector.model import Blob, Finding, Origin, Skipped
from detector.scan.masking import NameMasker
from hooks import _audit, _examine, _git, _message

CLEAN, FOUND, INCOMPLETE = 0, 1, 3


class Update(NamedTuple):
    """One ref that is pushed: what it was, what it becomes (all zeros: nothing)."""

    ref: str
    old: str
    new: str

    @property
    def deletes(self) -> bool:
        """Tell whether the ref goes away."""
        return not self.new.strip("0")


def repository() -> Repository:
    """Return the repository here, with the quarantine where a push waits for its answer."""
    found = discover(_git.directory(), (os.sep,))
    own = [os.environ.get("GIT_OBJECT_DIRECTORY", ""), os.environ.get("GIT_QUARANTINE_PATH", "")]
    waiting = [os.path.abspath(place) for place in own if place]
    others = os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")
    lent = [os.path.abspath(place) for place in others.split(os.pathsep) if place and not place.startswith('"')]
    return found._replace(object_dirs=tuple(dict.fromkeys([*waiting, *found.object_dirs, *lent])))


class Outcome(NamedTuple):
    """What came of a push: who is to be told what, and what the trail says."""

    judged: _examine.Judged
    troubles: list[Skipped]


def check(repository: Repository, tips: Sequence[str], known: set[str], chosen: _examine.Options) -> Outcome:
    """Look at everything that *tips* bring in and *known* do not have."""
    engine = _examine.engine_for(chosen)
    wanted = [tip for tip in dict.fromkeys(tips) if tip not in known]

    def read() -> Iterator[Blob | Skipped]:
        for change in _brought_in(repository, wanted, known):
            if isinstance(change, Skipped):
                yield change
                continue
            origin = Origin(change.kind, change.path, object_id=change.object_id, commit=change.commit)
            yield Blob(change.data, origin, new=change.new)

    portion = _examine.Portion(read, "what is pushed")
    seen = _examine.look(portion, engine)
    if not seen.sightings:
        return Outcome(_examine.Judged([], [], [], NameMasker()), seen.troubles)
    objects = _git.Objects()
    try:
        judged = _examine.judge(
            seen.sightings, engine, chosen, _reader(objects, wanted), lambda more: _examine.look(portion, engine, more)
        )
    finally:
        objects.close()
    return Outcome(judged, judged.masker.mask_skipped(seen.troubles))


def _brought_in(repository: Repository, tips: list[str], known: set[str]) -> Iterator[changes.Change | Skipped]:
    """Yield what commits bring in, then what a tag of a tree or a file does."""
    kinds = _peeled(tips)
    commits = [tip for tip in tips if kinds.get(tip) == "commit"]
    if commits:
        for change in changes.read_introduced(repository, commits, known):
            # A tag that is not pushed stays here, whatever it says.
            if isinstance(change, Skipped) or change.kind != "tag" or change.object_id in tips:
                yield change
    for tip in tips:
        if kinds.get(tip) != "commit":
            yield from _content_of(tip)


def _peeled(tips: Sequence[str]) -> dict[str, str]:
    """Return the kind of object that each tip stands for, tags looked through."""
    objects = _git.Objects()
    kinds = {}
    for index, stored in objects.ask([f"{tip}^{{}}" for tip in tips]):
        if stored is not None:
            kinds[tips[index]] = stored.kind
            objects.skip(stored)
    objects.close()
    return kinds


def _content_of(tip: str) -> Iterator[changes.Change]:
    """Yield every object that *tip*, no commit and no tag of one, reaches."""
    listing = _git.Running(["rev-list", "--objects", tip])
    heads = "--batch=%(objectname) %(objecttype) %(objectsize) %(rest)"
    objects = _git.Objects(_git.pipe(listing, ["cat-file", heads]))
    for stored in objects.every():
        if stored is None:
            continue
        data = objects.content(stored)
        if stored.kind in ("blob", "tag"):
            yield changes.Change(stored.kind, stored.name, stored.id, data, ((0, len(data)),))
    objects.close()
    listing.wait()


def _reader(objects: _git.Objects, tips: Sequence[str]) -> Callable[[str], bytes | None]:
    """Read ignore files as the pushed commits have them; the first one that has the file counts."""

    def read(name: str) -> bytes | None:
        for tip in tips:
            content = objects.text(f"{tip}:{name}")
            if content is not None:
                return content
        return None

    return read


def rewriting(findings: Sequence[Finding]) -> str:
    """Say how to take a value out of commits that exist already."""
    commits = list(dict.fromkeys(place.origin.commit for finding in findings for place in finding.locations))
    named = [commit for commit in commits if commit]
    lines = ["Take the value out of the file: read it from the environment or a secret store."]
    if named:
        lines.append("It stands in commits already, so they have to be rewritten:")
        lines.append(f"  the last commit:  git commit --amend      an older one:  git rebase -i {named[0][:12]}^")
    return "\n".join(lines)


def say(title: str, outcome: Outcome, advice: Sequence[str]) -> None:
    """Print what was found, and what could not be looked at."""
    if outcome.judged.findings:
        print(_message.refusal(title, outcome.judged.findings, advice), file=sys.stderr)
    if outcome.troubles:
        print(_message.incomplete(outcome.troubles), file=sys.stderr)


def record(hook: str, repository: Repository, event: str, updates: Sequence[Update], outcome: Outcome) -> None:
    """Note in the trail what became of a push, with everything that was set aside."""
    judged = outcome.judged
    if event == "passed" and not judged.ignored and not outcome.troubles:
        return
    _audit.note(
        repository.common_dir,
        hook,
        event,
        refs=[[judged.masker.mask(word) for word in update] for update in updates],
        **_audit.facts_of(judged.findings, judged.ignored),
        unseen=[[skip.where, skip.reason] for skip in outcome.troubles],
    )
