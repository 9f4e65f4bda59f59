"""Refuse a push that contains a credential; it also catches commits made with `--no-verify`.

It scans what the remote does not have yet, according to the remote-tracking branches.
If nobody says what is pushed, it scans every local ref (hooks/core/pushed.py).
The audit log records what it refused.
"""

from __future__ import annotations

import os

from hooks.core import audit, git

CLEAN = 0
EVERY_REF = (
    "Nobody told which refs are pushed, so all local branches and tags were scanned (git branch --contains COMMIT).\n"
    "Pass the input and the arguments of git's pre-push hook on to leakfirst, and only what is pushed is."
)


def main(arguments: list[str]) -> int:
    """Scan what is pushed; return 0 to allow the push."""
    from hooks.core.examine import parse_options

    left = git.enter_top_folder()
    chosen = parse_options(arguments, left)
    git.limit_time(chosen.timeout)
    from hooks.core import message, push, pushed

    lines = pushed.read_input()
    if os.environ.get("LEAKFIRST_SKIP", "") not in ("", "0"):
        refs = [list(update) for update in map(pushed.parse_update, lines or ()) if update]
        directory = git.find_common_directory(git.find_git_directory())
        audit.append_event(directory, "pre-push", "skipped", why="LEAKFIRST_SKIP", refs=refs)
        return CLEAN
    remote = chosen.rest[0] if chosen.rest else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    repository = push.open_repository()
    told = pushed.read_pushed(repository, remote, lines)
    updates = [update for update in told.updates if not update.is_deletion]
    if not updates:
        return CLEAN
    names = updates if told.is_told else ()
    result = push.examine_push(repository, [update.new for update in updates], told.known, chosen, names=names)
    findings = result.triaged.findings
    title = f"push refused: it would publish {message.count_credentials(len(findings))}"
    advice = (
        push.advise_rewriting(findings),
        message.advise_revocation(findings),
        message.FALSE_POSITIVE,
        *(() if told.is_told else (EVERY_REF,)),
        "To skip the check once:  LEAKFIRST_SKIP=1 git push ...  or  git push --no-verify",
    )
    push.print_result(title, result, advice)
    push.record_event("pre-push", repository, "refused" if findings else "passed", updates, result)
    return result.account.choose_exit_code(accept_unread=not chosen.strict)
