"""Refuse a push of commits that bring a credential in: the net behind `git commit --no-verify`.

It looks at what the remote does not have yet, as far as the remote-tracking
branches tell. What slipped past the hook for commits is noted in the trail.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from hooks import _audit, _git

if TYPE_CHECKING:
    from hooks import _push


def main(arguments: list[str]) -> int:
    """Look at what is pushed; return 0 to let it happen."""
    from hooks._examine import options

    chosen = options(arguments)
    updates = _updates()
    pushed = [update for update in updates if not update.deletes]
    if os.environ.get("LEAKFIRST_SKIP", "") not in ("", "0"):
        place = _git.common_directory(_git.directory())
        _audit.note(place, "pre-push", "skipped", why="LEAKFIRST_SKIP", refs=[list(update) for update in updates])
        return 0
    if not pushed:
        return 0
    from detector.git.refs import read_refs
    from hooks import _message, _push

    remote = chosen.rest[0] if chosen.rest else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    repository = _push.repository()
    tracked = {
        tip for name, tip in read_refs(repository).items() if remote and name.startswith(f"refs/remotes/{remote}/")
    }
    known = tracked | {update.old for update in updates if update.old.strip("0")}
    outcome = _push.check(repository, [update.new for update in pushed], known, chosen)
    findings = outcome.judged.findings
    title = f"not pushed: these commits would publish {_message.count(len(findings))}"
    advice = (
        _push.rewriting(findings),
        _message.revocation(findings),
        _message.FALSE_ALARM,
        "To push all the same, once:  LEAKFIRST_SKIP=1 git push ...  or  git push --no-verify",
    )
    _push.say(title, outcome, advice)
    _push.record("pre-push", repository, "refused" if findings else "passed", pushed, outcome)
    if findings:
        return _push.FOUND
    return _push.INCOMPLETE if outcome.troubles and chosen.strict else _push.CLEAN


def _updates() -> list[_push.Update]:
    """Read what git says on standard input, or what the pre-commit framework says in the environment."""
    from hooks._push import Update

    if os.environ.get("PRE_COMMIT_TO_REF"):
        ref = os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
        return [Update(ref, os.environ.get("PRE_COMMIT_FROM_REF", ""), os.environ["PRE_COMMIT_TO_REF"])]
    found = []
    for line in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").splitlines():
        words = line.split(" ")
        if len(words) == 4:
            found.append(Update(words[2], words[3], words[1]))
    return found
