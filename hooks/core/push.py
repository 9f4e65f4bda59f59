"""What the hooks for pushes share: scan the new commits, apply ignores, print the result, record it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from detector.errors import SourceError
from detector.git import changes
from detector.git.current_names import make_ref_name
from detector.git.repository import Repository, discover
from detector.git.safe_git import set_deadline
from detector.model import Blob, Finding, Origin, RunAccount, Skipped
from detector.scan.masking import NameMasker
from detector.text.untrusted import make_printable
from hooks.core import audit, examine, git, message


class RefUpdate(NamedTuple):
    """One pushed ref with its old and new object id; an id of zeros means that it does not exist."""

    ref: str
    old: str
    new: str

    @property
    def is_deletion(self) -> bool:
        """Whether the ref is deleted."""
        return not self.new.strip("0")


def open_repository() -> Repository:
    """Return the current repository, including the quarantine that holds the objects of a push during pre-receive."""
    found = discover(git.find_git_directory(), (os.sep,))
    quarantine = [os.environ.get("GIT_OBJECT_DIRECTORY", ""), os.environ.get("GIT_QUARANTINE_PATH", "")]
    pending = [os.path.abspath(path) for path in quarantine if path]
    alternates = os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")
    borrowed = [os.path.abspath(path) for path in alternates.split(os.pathsep) if path and not path.startswith('"')]
    return found._replace(object_dirs=tuple(dict.fromkeys([*pending, *found.object_dirs, *borrowed])))


class PushResult(NamedTuple):
    """The findings in a push, and what could not be scanned."""

    triaged: examine.TriagedFindings
    skipped: list[Skipped]

    @property
    def account(self) -> RunAccount:
        """What was looked at and found, for the exit code."""
        return examine.make_account("what is pushed", self.skipped, self.triaged)


def examine_push(
    repository: Repository,
    tips: Sequence[str],
    known: set[str],
    chosen: examine.HookOptions,
    rules_of: Sequence[str] | None = None,
    names: Sequence[RefUpdate] = (),
) -> PushResult:
    """Scan everything that *tips* reach and *known* do not, and the *names* of pushed refs.

    The ignore files are those of the commits *rules_of*, by default of what is pushed.
    """
    set_deadline(time.monotonic() + chosen.timeout)
    engine = examine.load_engine(chosen)
    wanted = [tip for tip in dict.fromkeys(tips) if tip not in known]

    def read() -> Iterator[Blob | Skipped]:
        yield from (make_ref_name(update.ref, "", update.new) for update in names if not update.old.strip("0"))
        for change in _list_changes(repository, wanted, known):
            if isinstance(change, Skipped):
                yield change
                continue
            origin = Origin(change.kind, change.path, object_id=change.object_id, commit=change.commit)
            yield Blob(change.data, origin, new=change.new)

    share = examine.BlobShare(read, "the pushed content")
    examined = examine.examine(share, engine)
    if not examined.sightings:
        return PushResult(examine.TriagedFindings([], [], [], NameMasker()), examined.skipped)
    objects = git.ObjectReader()
    try:
        triaged = examine.triage_sightings(
            examined.sightings,
            engine,
            chosen,
            _make_reader(objects, wanted if rules_of is None else rules_of),
            lambda patterns: examine.examine(share, engine, patterns),
        )
    finally:
        objects.close()
    return PushResult(triaged, triaged.masker.mask_skipped(examined.skipped))


def _list_changes(repository: Repository, tips: list[str], known: set[str]) -> Iterator[changes.Change | Skipped]:
    """Yield the changes of new commits, then the content of tags of trees and files."""
    kinds = _peel(tips)
    lost = next((tip for tip in tips if tip not in kinds), "")
    if lost:
        raise SourceError(f"{lost}: what is pushed cannot be read (git cat-file -t {lost})")
    commits = [tip for tip in tips if kinds.get(tip) == "commit"]
    if commits:
        yield from changes.read_introduced(repository, commits, known, all_tags=False)
    for tip in tips:
        if kinds.get(tip) != "commit":
            yield from _read_reachable(tip)


def _peel(tips: Sequence[str]) -> dict[str, str]:
    """Return the type of the object that each tip points to, with tags dereferenced."""
    objects = git.ObjectReader()
    kinds = {}
    for index, stored in objects.request([f"{tip}^{{}}" for tip in tips]):
        if stored is not None:
            kinds[tips[index]] = stored.kind
            objects.skip(stored)
    objects.close()
    return kinds


def _read_reachable(tip: str) -> Iterator[changes.Change]:
    """Yield every object that *tip* reaches, which is not a commit or a tag of one."""
    listing = git.GitProcess(["rev-list", "--objects", tip])
    heads = "--batch=%(objectname) %(objecttype) %(objectsize) %(rest)"
    objects = git.ObjectReader(git.pipe(listing, ["cat-file", heads]))
    for stored in objects.read_all():
        if stored is None:
            continue
        data = objects.read_content(stored)
        if stored.kind in ("blob", "tag"):
            yield changes.Change(stored.kind, stored.name, stored.id, data, ((0, len(data)),))
    objects.close()
    listing.wait()


def _make_reader(objects: git.ObjectReader, tips: Sequence[str]) -> Callable[[str], bytes | None]:
    """Return a reader of ignore files in the pushed commits; the first commit that has the file counts."""

    def read(name: str) -> bytes | None:
        for tip in tips:
            content = objects.read_object(f"{tip}:{name}")
            if content is not None:
                return content
        return None

    return read


def advise_rewriting(findings: Sequence[Finding]) -> str:
    """Return how to remove a value from existing commits."""
    commits = list(dict.fromkeys(location.origin.commit for finding in findings for location in finding.locations))
    named = [commit for commit in commits if commit]
    lines = ["Remove the value from the file: read it from the environment or a secret store."]
    if named:
        lines.append("It is in these commits already, so rewrite them:")
        lines.append(f"  the last commit:  git commit --amend      an older one:  git rebase -i {named[0][:12]}^")
    refs = [at.origin.path for finding in findings for at in finding.locations if at.origin.kind == "ref"]
    if refs:
        lines.append(f"Give another name to {', '.join(map(make_printable, refs))}.")
    return "\n".join(lines)


def print_result(title: str, result: PushResult, advice: Sequence[str]) -> None:
    """Print the findings, and what could not be scanned."""
    if result.triaged.findings:
        print(message.format_refusal(title, result.triaged.findings, advice), file=sys.stderr)
    if result.skipped:
        print(message.format_incomplete(result.skipped), file=sys.stderr)
    if mild := message.format_mild(result.triaged.mild):
        print(mild, file=sys.stderr)
    if told := message.format_account(result.account):
        print(told, file=sys.stderr)


def list_changed_ignores(tips: Sequence[str], base: str) -> list[str]:
    """Return the names of the ignore files that one of *tips* has otherwise than the commit *base*; "" has none."""
    from detector.ignores.allowlist import PYPROJECT_FILE
    from detector.ignores.loader import list_files

    objects = git.ObjectReader()
    try:
        found = []
        for name in list_files():
            before = objects.read_object(f"{base}:{name}") if base else None
            after = [objects.read_object(f"{tip}:{name}") for tip in tips]
            changed = [content for content in after if content != before]
            ours = name != PYPROJECT_FILE or any(b"tool.leakfirst" in (one or b"") for one in (before, *changed))
            if changed and ours:
                found.append(name)
        return found
    finally:
        objects.close()


def record_event(
    hook: str, repository: Repository, event: str, updates: Sequence[RefUpdate], result: PushResult
) -> None:
    """Record the push in the audit log, with all findings that were ignored."""
    triaged = result.triaged
    if event == "passed" and not (triaged.ignored or triaged.mild or result.skipped):
        return
    audit.append_event(
        repository.common_dir,
        hook,
        event,
        refs=[[triaged.masker.mask(word) for word in update] for update in updates],
        **audit.describe_findings(triaged.findings, triaged.ignored, triaged.mild),
        unseen=[[skip.where, skip.reason] for skip in result.skipped],
    )
