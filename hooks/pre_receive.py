"""Refuse a push on the server, before anything of it is kept.

The pushed objects wait in a quarantine that git throws away when this hook
says no. What is new is what no ref of the repository reaches, however many
refs are pushed at once, new, forced or deleted. Ignore files are read from
the pushed commits; whatever they set aside is noted in the trail.

`git push -o leakfirst.skip=REASON` lets a push through where the operator
allows it (`git config leakfirst.allowSkip true`); it is looked at and noted
all the same.
"""

from __future__ import annotations

import os
import sys

from hooks import _audit, _git


def main(arguments: list[str]) -> int:
    """Look at what is pushed; return 0 to accept it."""
    from detector.git.refs import read_refs
    from hooks import _examine, _message, _push

    chosen = _examine.options(arguments)
    updates = []
    for line in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\n"):
        words = line.split(" ", 2)
        if len(words) == 3:
            updates.append(_push.Update(words[2], words[0], words[1]))
    pushed = [update for update in updates if not update.deletes]
    if not pushed:
        return 0
    repository = _push.repository()
    if os.environ.get("LEAKFIRST_SKIP", "") not in ("", "0"):
        place = repository.common_dir
        _audit.note(place, "pre-receive", "skipped", why="LEAKFIRST_SKIP", refs=[list(update) for update in updates])
        return 0
    known = set(read_refs(repository).values())
    outcome = _push.check(repository, [update.new for update in pushed], known, chosen)
    findings = outcome.judged.findings
    reason = _skip_reason()
    if findings and reason and _may_skip():
        _push.record("pre-receive", repository, f"let through: {reason}", pushed, outcome)
        print(f"leakfirst: let through with {_message.count(len(findings))}, as asked; it is noted", file=sys.stderr)
        return 0
    title = f"push refused: it would bring in {_message.count(len(findings))}"
    advice = [_push.rewriting(findings), _message.revocation(findings), _message.FALSE_ALARM]
    if findings and reason:
        advice.append("Skipping the check is not allowed in this repository (leakfirst.allowSkip).")
    _push.say(title, outcome, advice)
    _push.record("pre-receive", repository, "refused" if findings else "passed", pushed, outcome)
    if findings:
        return _push.FOUND
    return _push.INCOMPLETE if outcome.troubles and chosen.strict else _push.CLEAN


def _skip_reason() -> str:
    """Return the reason given with ``git push -o leakfirst.skip=REASON``, or ""."""
    for number in range(int(os.environ.get("GIT_PUSH_OPTION_COUNT") or 0)):
        name, equals, reason = os.environ.get(f"GIT_PUSH_OPTION_{number}", "").partition("=")
        if name == "leakfirst.skip":
            return reason if equals and reason else "no reason given"
    return ""


def _may_skip() -> bool:
    return _git.lines_of(["config", "--bool", "leakfirst.allowSkip"], quiet=True) == ["true"]
