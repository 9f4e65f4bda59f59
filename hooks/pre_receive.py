"""Refuse a push on the server, before any of its objects are kept.

The pushed objects are in a quarantine that git deletes if this hook fails. New is
what no ref of the repository reaches, however many refs are pushed at once, new,
forced or deleted. The ignore files are those of the default branch, not of what is
pushed; who pushes a change of them is told, and the audit log records it and which
findings were ignored. Inline marks of what is pushed count only with --inline-marks.
Content that could not be scanned is refused, too: whoever pushes it could hide a
credential in it.

`git push -o leakfirst.skip=REASON` allows a push despite findings if the operator
permits it (`git config leakfirst.allowSkip true`); it is scanned and recorded too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from detector.errors import IncompleteError
from hooks.core import audit, git

if TYPE_CHECKING:
    from hooks.core.push import RefUpdate

REFUSED_INCOMPLETE = (
    "push refused: some of it could not be scanned, so nobody knows what it contains; "
    "an operator may install this hook with --allow-incomplete"
)
NOT_ALLOWED = "this repository does not allow skipping the check (git config leakfirst.allowSkip)"
CLEAN = 0


def main(arguments: list[str]) -> int:
    """Scan what is pushed; return 0 to accept the push."""
    from detector.git.refs import read_head, read_refs
    from hooks.core import examine, message, push

    chosen = examine.parse_options(arguments)
    git.limit_time(chosen.timeout)
    chosen = chosen._replace(inline_marks=bool(chosen.inline_marks))
    updates = _read_updates()
    pushed = [update for update in updates if not update.is_deletion]
    if not pushed:
        return CLEAN
    repository = push.open_repository()
    if os.environ.get("LEAKFIRST_SKIP", "") not in ("", "0"):
        # Whoever pushes to a folder of the same machine sets the environment of this hook.
        if _is_skipping_allowed():
            refs = [list(update) for update in updates]
            audit.append_event(repository.common_dir, "pre-receive", "skipped", why="LEAKFIRST_SKIP", refs=refs)
            return CLEAN
        print(f"leakfirst: LEAKFIRST_SKIP has no effect here: {NOT_ALLOWED}", file=sys.stderr)
    known = set(read_refs(repository).values())
    base = read_head(repository) or ""
    _tell_changed_ignores(repository.common_dir, [update.new for update in pushed], base)
    tips = [update.new for update in pushed]
    result = push.examine_push(repository, tips, known, chosen, [base] if base else [], pushed)
    findings = result.triaged.findings
    reason = _find_skip_reason()
    if findings and reason and _is_skipping_allowed():
        push.record_event("pre-receive", repository, f"allowed: {reason}", pushed, result)
        found = message.count_credentials(len(findings))
        print(f"leakfirst: push allowed with {found}, as requested; the audit log records it", file=sys.stderr)
        return CLEAN
    title = f"push refused: it contains {message.count_credentials(len(findings))}"
    advice = [push.advise_rewriting(findings), message.advise_revocation(findings), message.FALSE_POSITIVE_ON_SERVER]
    if findings and reason:
        advice.append(f"{NOT_ALLOWED}.")
    push.print_result(title, result, advice)
    code = result.account.choose_exit_code(accept_unread=chosen.allow_incomplete)
    if code and not findings:
        print(f"leakfirst: {REFUSED_INCOMPLETE}", file=sys.stderr)
    push.record_event("pre-receive", repository, "refused" if code else "passed", pushed, result)
    return code


def _read_updates() -> list[RefUpdate]:
    """Return what git tells of the push. Raises `IncompleteError` if it is nothing, or not what git writes."""
    from hooks.core import pushed

    lines = [line for line in pushed.read_input() or () if line]
    updates = [update for update in map(pushed.parse_received, lines) if update]
    if not updates or len(updates) < len(lines):
        raise IncompleteError(
            "push refused: standard input does not say what is pushed; "
            "what runs before this hook has to pass it on (OLD NEW REF, one line for each ref)"
        )
    return updates


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
