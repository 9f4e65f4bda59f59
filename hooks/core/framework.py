"""What the pre-commit framework tells a hook, and what it does not.

It hands over names of files, and a range of commits in PRE_COMMIT_FROM_REF and
PRE_COMMIT_TO_REF. In `pre-commit run --all-files`, `--files` and `--from-ref` nothing
need be staged, so a hook that looks at the index alone would pass without having seen
anything. Of a push it tells one ref only, even if several are pushed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from detector.errors import SourceError, join_exit_codes
from hooks.core import git

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.model import Blob, Skipped
    from hooks.core.examine import HookOptions


class CommitRange(NamedTuple):
    """The commits that the framework names: object ids; `old` is "" if it is not in this clone."""

    old: str
    new: str
    is_push: bool
    """Whether the framework runs in a push; then further refs may be pushed that it does not name."""


def read_range() -> CommitRange | None:
    """Return the range that the framework names, None if it names none.

    Raises `SourceError` if its end is not in this clone.
    """
    wanted = os.environ.get("PRE_COMMIT_TO_REF", "")
    if not wanted:
        return None
    old, new = git.resolve_commits([os.environ.get("PRE_COMMIT_FROM_REF", ""), wanted])
    if not new:
        raise SourceError(f"{wanted}: the end of the range (PRE_COMMIT_TO_REF) is not in this clone")
    return CommitRange(old, new, bool(os.environ.get("PRE_COMMIT_REMOTE_NAME")))


def check_named(chosen: HookOptions, engine: Engine, staged: Collection[str], left: str) -> int:
    """Scan the files and the range that the framework names; return the exit code of the hook.

    Paths in *staged* were scanned as they are in the index; *left* is the folder that the names are relative to.
    """
    named = read_range()
    codes = [_check_range(named, chosen)] if named else []
    names = [os.path.relpath(os.path.join(left, name)) if left else name for name in chosen.rest]
    if os.environ.get("GIT_INDEX_FILE"):
        # git is committing: the files are those that are staged, and in a merge also some that it does not change.
        is_merge = bool(git.read_merge_heads(git.find_git_directory()))
        names = [] if is_merge else [name for name in names if name not in staged]
    if names:
        codes.append(_check_files(names, chosen, engine))
    return join_exit_codes(codes)


def _check_range(named: CommitRange, chosen: HookOptions) -> int:
    from hooks.core import message, push

    result = push.examine_push(push.open_repository(), [named.new], {named.old} - {""}, chosen)
    findings = result.triaged.findings
    title = f"check failed: the commits contain {message.count_credentials(len(findings))}"
    advice = [push.advise_rewriting(findings), message.advise_revocation(findings), message.FALSE_POSITIVE]
    push.print_result(title, result, advice)
    return result.account.choose_exit_code(accept_unread=not chosen.strict)


def _check_files(names: Sequence[str], chosen: HookOptions, engine: Engine) -> int:
    from detector.ignores.loader import make_folder_reader
    from hooks.core import examine, message

    share = examine.BlobShare(lambda: _read_files(names), "the named files")
    examined = examine.examine(share, engine)
    skipped = examined.skipped
    triaged = None
    if examined.sightings:
        triaged = examine.triage_sightings(
            examined.sightings,
            engine,
            chosen,
            make_folder_reader("."),
            lambda patterns: examine.examine(share, engine, patterns),
        )
        skipped = triaged.masker.mask_skipped(skipped)
        if mild := message.format_mild(triaged.mild):
            print(mild, file=sys.stderr)
        if triaged.findings:
            title = f"check failed: the files contain {message.count_credentials(len(triaged.findings))}"
            advice = (
                "Remove the value from the file: read it from the environment or a secret store.",
                message.advise_revocation(triaged.findings),
                message.FALSE_POSITIVE,
            )
            print(message.format_refusal(title, triaged.findings, advice), file=sys.stderr)
    if skipped:
        print(message.format_incomplete(skipped), file=sys.stderr)
    account = examine.make_account("the named files", skipped, triaged)
    if told := message.format_account(account):
        print(told, file=sys.stderr)
    return account.choose_exit_code(accept_unread=not chosen.strict)


def _read_files(names: Sequence[str]) -> Iterator[Blob | Skipped]:
    """Read files of the working tree; of a symbolic link its text, as git stores it."""
    from detector.model import Blob, Origin
    from detector.sources.files import read_file

    for name in names:
        origin = Origin("worktree", name)
        if os.path.islink(name):
            yield Blob(os.fsencode(os.readlink(name)), origin)
        elif not os.path.isdir(name):
            yield from read_file(name, origin)
