"""Refuse a commit that adds a credential.

It scans what is committed, the blobs in the index, not the working tree. A value
that the last commit already has in the same file (or in one that this commit
renames) does not stop a commit; of a merge only what none of its parents has is
scanned.

Under the pre-commit framework it also scans what `pre-commit run --all-files`,
`--files` or `--from-ref` names (hooks/core/framework.py): there nothing may be staged.

git runs while Python loads, and examined that a clean commit does not need is
imported after something was found.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from detector.errors import join_exit_codes
from hooks.core import git

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.model import Blob, RunAccount, Sighting, Skipped
    from detector.secret import Secret
    from hooks.core import examine

CLEAN = 0
STAGED = "what is staged"


def main(arguments: list[str]) -> int:
    """Scan the index; return 0 to allow the commit."""
    left = git.enter_top_folder()
    if os.environ.get("LEAKFIRST_SKIP", "") not in ("", "0"):
        from hooks.core import audit

        audit.append_event(
            git.find_common_directory(git.find_git_directory()), "pre-commit", "skipped", why="LEAKFIRST_SKIP"
        )
        return CLEAN
    listing = git.start_listing()
    objects = git.ObjectReader()
    try:
        from hooks.core import examine

        chosen = examine.parse_options(arguments, left)
        git.limit_time(chosen.timeout)
        engine = examine.load_engine(chosen)
        changes = git.read_changes(listing)
        code = _check(chosen, engine, changes, objects)
    finally:
        objects.close()
    if chosen.rest or os.environ.get("PRE_COMMIT_TO_REF"):
        from hooks.core import framework

        named = framework.check_named(chosen, engine, {change.path for change in changes if change.new}, left)
        code = join_exit_codes((code, named))
    return code


def _check(
    chosen: examine.HookOptions, engine: Engine, changes: list[git.StagedChange], objects: git.ObjectReader
) -> int:
    from hooks.core import examine

    added = [change for change in _exclude_merged(changes) if change.new]
    if not added:
        return CLEAN
    examined = examine.examine(_make_share(objects, added), engine)
    if examined.sightings:
        from detector.scan.masking import make_name_masker

        last = _LastCommit(objects, engine, changes)
        new = [sighting for sighting in examined.sightings if not last.contains(sighting)]
        if new:
            return _judge(new, examined, chosen, engine, objects, added)
        examined = examined._replace(
            skipped=make_name_masker(examined.sightings, engine.rules).mask_skipped(examined.skipped)
        )
    return _finish(examine.make_account(STAGED, examined.skipped), examined.skipped, chosen)


def _exclude_merged(changes: list[git.StagedChange]) -> list[git.StagedChange]:
    """Remove the changes that one of the merged commits has too, path by path."""
    parents = git.read_merge_heads(git.find_git_directory())
    for parent in parents:
        differing = {change.path for change in git.read_changes(git.start_listing(parent))}
        changes = [change for change in changes if change.path in differing]
    return changes


def _make_share(objects: git.ObjectReader, changes: Sequence[git.StagedChange]) -> examine.BlobShare:
    from detector.model import Origin
    from hooks.core import examine

    def read() -> Iterator[Blob | Skipped]:
        wanted = [(change.new, Origin("index", change.path, object_id=change.new)) for change in changes]
        return examine.read_objects(objects, wanted)

    return examine.BlobShare(read)


class _LastCommit:
    """The values that the last commit already has; a file is read only if something was found in it."""

    def __init__(self, objects: git.ObjectReader, engine: Engine, changes: Sequence[git.StagedChange]) -> None:
        self._objects, self._engine = objects, engine
        self._old = {change.path: change.old for change in changes if change.old}
        self._deleted = [change for change in changes if change.old and not change.new]
        self._values: dict[str, set[Secret]] = {}

    def contains(self, sighting: Sighting) -> bool:
        """Tell whether the value of *sighting* was in its file, or in a file that this commit deletes."""
        path = sighting.location.origin.path
        if not sighting.location.end:  # it is in the name
            return path in self._old
        paths = [path] if path in self._old else [change.path for change in self._deleted]
        return any(sighting.secret in self._read_values(old) for old in paths)

    def _read_values(self, path: str) -> set[Secret]:
        values = self._values.get(path)
        if values is None:
            data = self._objects.read_object(self._old[path]) or b""
            values = self._values[path] = {hit.secret for hit in self._engine.scan(data, path)}
        return values


def _judge(
    new: Sequence[Sighting],
    examined: examine.ExaminedContent,
    chosen: examine.HookOptions,
    engine: Engine,
    objects: git.ObjectReader,
    added: Sequence[git.StagedChange],
) -> int:
    """Apply the ignores and print what remains; return the exit code."""
    import shlex

    from detector.ignores.loader import make_folder_reader
    from detector.text.untrusted import make_printable
    from hooks.core import audit, examine, message

    places = {(sighting.location.origin.path, sighting.location.start) for sighting in new}
    paths = {path for path, _ in places}

    def examine_again(patterns: Sequence[str]) -> examine.ExaminedContent:
        share = _make_share(objects, [change for change in added if change.path in paths])
        again = examine.examine(share, engine, patterns)
        wanted = [s for s in again.sightings if (s.location.origin.path, s.location.start) in places]
        return again._replace(sightings=wanted)

    triaged = examine.triage_sightings(new, engine, chosen, make_folder_reader("."), examine_again, examined.sightings)
    skipped = triaged.masker.mask_skipped(examined.skipped)
    account = examine.make_account(STAGED, skipped, triaged)
    if mild := message.format_mild(triaged.mild):
        print(mild, file=sys.stderr)
    if not triaged.findings:
        return _finish(account, skipped, chosen)
    findings = triaged.findings
    names = list(dict.fromkeys(finding.locations[0].origin.path for finding in findings))
    is_one = len(names) == 1 and names[0] in paths
    stage = f"git add {shlex.quote(make_printable(names[0]))}" if is_one else "git add the files"
    advice = (
        "Remove the value from the file: read it from the environment or a secret store.\n"
        f"Then {stage}, and commit again.",
        message.advise_revocation(findings),
        message.FALSE_POSITIVE,
        "To skip the check once:  LEAKFIRST_SKIP=1 git commit ...  or  git commit --no-verify\n"
        "(the pre-push hook checks again)",
    )
    title = f"commit refused: it adds {message.count_credentials(len(findings))}"
    print(message.format_refusal(title, findings, advice), file=sys.stderr)
    audit.append_event(
        git.find_common_directory(git.find_git_directory()),
        "pre-commit",
        "refused",
        **audit.describe_findings(findings, triaged.ignored, triaged.mild),
    )
    return _finish(account, skipped, chosen)


def _finish(account: RunAccount, skipped: Sequence[Skipped], chosen: examine.HookOptions) -> int:
    """Say what was not looked at and what was set aside; return the exit code."""
    if skipped or any(account.describe()):
        from hooks.core import message

        if skipped:
            print(message.format_incomplete(skipped), file=sys.stderr)
        if told := message.format_account(account):
            print(told, file=sys.stderr)
    return account.choose_exit_code(accept_unread=not chosen.strict)
