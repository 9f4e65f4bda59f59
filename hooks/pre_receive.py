"""Refuse a push on the server, before any of its objects are kept.

The pushed objects are in a quarantine that git deletes if this hook fails. New is
what no ref of the repository reaches, however many refs are pushed at once, new,
forced or deleted. The ignore files are those of the default branch, not of what is
pushed; who pushes a change of them is told, and the audit log records it and which
findings were ignored. Content that could not be scanned is refused, too:
whoever pushes it could hide a credential in it.

`git push -o leakfirst.skip=REASON` allows a push despite findings if the operator
permits it (`git config leakfirst.allowSkip true`); it is scanned and recorded too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from hooks.core import audit, git

REFUSED_INCOMPLETE = (
    "push refused: some of it could not be scanned, so nobody knows what it contains; "
    "an operator may install this hook with --allow-incomplete"
)


def main(arguments: list[str]) -> int:
    """Scan what is pushed; return 0 to accept the push."""
    from detector.git.refs import read_head, read_refs
    from hooks.core import examine, message, push

    chosen = examine.parse_options(arguments)
    updates = []
    for line in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\n"):
        words = line.split(" ", 2)
        if len(words) == 3:
            updates.append(push.RefUpdate(words[2], words[0], words[1]))
    pushed = [update for update in updates if not update.is_deletion]
    if not pushed:
        return 0
    repository = push.open_repository()
    if os.environ.get("LEAKFIRST_SKIP", "") not in ("", "0"):
        directory = repository.common_dir
        audit.append_event(
            directory, "pre-receive", "skipped", why="LEAKFIRST_SKIP", refs=[list(update) for update in updates]
        )
        return 0
    known = set(read_refs(repository).values())
    base = read_head(repository) or ""
    _tell_changed_ignores(repository.common_dir, [update.new for update in pushed], base)
    result = push.examine_push(repository, [update.new for update in pushed], known, chosen, [base] if base else [])
    findings = result.triaged.findings
    reason = _find_skip_reason()
    if findings and reason and _is_skipping_allowed():
        push.record_event("pre-receive", repository, f"allowed: {reason}", pushed, result)
        found = message.count_credentials(len(findings))
        print(f"leakfirst: push allowed with {found}, as requested; the audit log records it", file=sys.stderr)
        return 0
    title = f"push refused: it contains {message.count_credentials(len(findings))}"
    advice = [push.advise_rewriting(findings), message.advise_revocation(findings), message.FALSE_POSITIVE]
    if findings and reason:
        advice.append("This repository does not allow skipping the check (git config leakfirst.allowSkip).")
    push.print_result(title, result, advice)
    is_incomplete = bool(result.skipped) and not chosen.allow_incomplete
    if is_incomplete and not findings:
        print(f"leakfirst: {REFUSED_INCOMPLETE}", file=sys.stderr)
    push.record_event("pre-receive", repository, "refused" if findings or is_incomplete else "passed", pushed, result)
    if findings:
        return push.FOUND
    return push.INCOMPLETE if is_incomplete else push.CLEAN


def _tell_changed_ignores(directory: str, tips: Sequence[str], base: str) -> None:
    """Say which ignore files a push changes, to who pushes and in the audit log."""
    from hooks.core import push

    changed = push.list_changed_ignores(tips, base)
    for name in changed:
        print(f"leakfirst: this push changes {name}; it counts once it is in the default branch", file=sys.stderr)
    if changed:
        audit.append_event(directory, "pre-receive", "ignore files changed", files=changed)


def _find_skip_reason() -> str:
    """Return the reason in ``git push -o leakfirst.skip=REASON``, "" without that option."""
    for number in range(int(os.environ.get("GIT_PUSH_OPTION_COUNT") or 0)):
        name, equals, reason = os.environ.get(f"GIT_PUSH_OPTION_{number}", "").partition("=")
        if name == "leakfirst.skip":
            return reason if equals and reason else "no reason given"
    return ""


def _is_skipping_allowed() -> bool:
    return git.read_lines(["config", "--bool", "leakfirst.allowSkip"], quiet=True) == ["true"]
