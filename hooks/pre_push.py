"""Refuse a push that contains a credential; it also catches commits made with `--no-verify`.

It scans what the remote does not have yet, according to the remote-tracking branches.
The audit log records what it refused.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from hooks.core import audit, git

if TYPE_CHECKING:
    from hooks.core import push


def main(arguments: list[str]) -> int:
    """Scan what is pushed; return 0 to allow the push."""
    from hooks.core.examine import parse_options

    chosen = parse_options(arguments)
    updates = _read_updates()
    pushed = [update for update in updates if not update.is_deletion]
    if os.environ.get("LEAKFIRST_SKIP", "") not in ("", "0"):
        directory = git.find_common_directory(git.find_git_directory())
        audit.append_event(
            directory, "pre-push", "skipped", why="LEAKFIRST_SKIP", refs=[list(update) for update in updates]
        )
        return 0
    if not pushed:
        return 0
    from detector.git.refs import read_refs
    from hooks.core import message, push

    remote = chosen.rest[0] if chosen.rest else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    repository = push.open_repository()
    tracked = {
        tip for name, tip in read_refs(repository).items() if remote and name.startswith(f"refs/remotes/{remote}/")
    }
    known = tracked | {update.old for update in updates if update.old.strip("0")}
    result = push.examine_push(repository, [update.new for update in pushed], known, chosen)
    findings = result.triaged.findings
    title = f"push refused: it would publish {message.count_credentials(len(findings))}"
    advice = (
        push.advise_rewriting(findings),
        message.advise_revocation(findings),
        message.FALSE_POSITIVE,
        "To skip the check once:  LEAKFIRST_SKIP=1 git push ...  or  git push --no-verify",
    )
    push.print_result(title, result, advice)
    push.record_event("pre-push", repository, "refused" if findings else "passed", pushed, result)
    if findings:
        return push.FOUND
    return push.INCOMPLETE if result.skipped and chosen.strict else push.CLEAN


def _read_updates() -> list[push.RefUpdate]:
    """Read the pushed refs from standard input, or from the variables that the pre-commit framework sets."""
    from hooks.core.push import RefUpdate

    if os.environ.get("PRE_COMMIT_TO_REF"):
        ref = os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
        return [RefUpdate(ref, os.environ.get("PRE_COMMIT_FROM_REF", ""), os.environ["PRE_COMMIT_TO_REF"])]
    found = []
    for line in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").splitlines():
        words = line.split(" ")
        if len(words) == 4:
            found.append(RefUpdate(words[2], words[3], words[1]))
    return found
