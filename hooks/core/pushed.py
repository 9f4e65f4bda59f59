"""Find out what is pushed: from standard input, from the pre-commit framework, or else from all local refs.

git writes one line per ref to the standard input of pre-push. Whatever runs before us in
the same hook may have read it (git lfs, a hook manager that gives no input), and the
framework tells one ref of several, and no range at all for a first push. Nothing read is
not the same as nothing pushed: then every local ref counts that the remote does not have.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from detector.errors import SourceError
from detector.git.refs import read_refs
from detector.git.repository import Repository
from detector.git.safe_git import SafeGit
from hooks.core import framework, git
from hooks.core.push import RefUpdate

NEVER_PUSHED = ("refs/remotes/", "refs/stash", "refs/bisect/", "refs/prefetch/", "refs/rewritten/", "refs/worktree/")


class Pushed(NamedTuple):
    """The pushed refs, and the ids that the remote has.

    Unless `is_told`, these are all local refs, because nobody said which of them are pushed.
    """

    updates: list[RefUpdate]
    known: set[str]
    is_told: bool = True


def read_pushed(repository: Repository, remote: str, lines: Sequence[str] | None) -> Pushed:
    """Return what is pushed to *remote* ("" if it is not known).

    *lines* are those of standard input, None if it is a terminal. Raises `SourceError` if that is
    all there is, or if the framework names a commit that is not in this clone.
    """
    parsed = [parse_update(line) for line in lines or () if line]
    told = [update for update in parsed if update is not None]
    if told and len(told) == len(parsed):
        known = read_known(repository, remote, [update.new for update in told])
        return Pushed(told, known | {update.old for update in told if update.old.strip("0")})
    named = framework.read_range()
    if named and not named.is_push:
        return Pushed([RefUpdate("", named.old, named.new)], {named.old} - {""})
    if lines is None:
        raise SourceError(
            "standard input is a terminal, so it is not known what is pushed; "
            "git writes the pushed refs there (pass the hook's own input on, or name refs: LOCAL ID REMOTE ID)"
        )
    every = [RefUpdate(name, "", tip) for name, tip in read_refs(repository).items() if _is_pushable(name)]
    if named:
        every.insert(0, RefUpdate(os.environ.get("PRE_COMMIT_REMOTE_BRANCH", ""), named.old, named.new))
    known = read_known(repository, remote, [update.new for update in every])
    old = {named.old} if named else {update.old for update in told if update.old.strip("0")}
    return Pushed([*told, *every], known | (old - {""}), is_told=False)


def read_input() -> list[str] | None:
    """Return the lines of standard input, None if it is a terminal."""
    try:
        if sys.stdin.isatty():
            return None
        # Not splitlines: the name of a ref may contain U+2028 and other separators of lines.
        return sys.stdin.buffer.read().decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
    except (AttributeError, ValueError, OSError):  # it is closed
        return []


def parse_update(line: str) -> RefUpdate | None:
    """Return the update in a line of standard input, None if it has another form.

    The local name may contain spaces: it is what the user typed, such as ``HEAD^{/fix typo}``.
    """
    words = line.rsplit(" ", 3)
    if len(words) != 4 or not (_is_id(words[1]) and _is_id(words[3])):
        return None
    return RefUpdate(words[2], words[3], words[1])


def parse_received(line: str) -> RefUpdate | None:
    """Return the update in a line of standard input of pre-receive, ``OLD NEW REF``; None if it has another form."""
    words = line.split(" ", 2)
    if len(words) != 3 or not (words[2] and _is_id(words[0]) and _is_id(words[1])):
        return None
    return RefUpdate(words[2], words[0], words[1])


def _is_id(word: str) -> bool:
    return len(word) in (40, 64) and not set(word) - set("0123456789abcdef")


def _is_pushable(name: str) -> bool:
    return name == "HEAD" or (name.startswith("refs/") and not name.startswith(NEVER_PUSHED))


def read_known(repository: Repository, remote: str, tips: Sequence[str]) -> set[str]:
    """Return ids that *remote* has, according to its remote-tracking branches.

    If it is not known which of several remotes is meant, these are ids that all of them have.
    """
    remotes = git.read_lines(["remote"], quiet=True) or []
    refs = {name: tip for name, tip in read_refs(repository).items() if name.startswith("refs/remotes/")}
    if remote:
        return _list_tracked(refs, remote, remotes)
    tracked = [_list_tracked(refs, one, remotes) for one in remotes]
    if len(tracked) < 2:
        return set().union(*tracked)
    return _find_common(repository, tips, tracked)


def _list_tracked(refs: Mapping[str, str], remote: str, remotes: Iterable[str]) -> set[str]:
    """Return the tips of the branches of *remote*, without those of a remote called ``REMOTE/…``."""
    others = tuple(f"refs/remotes/{other}/" for other in remotes if other.startswith(f"{remote}/"))
    prefix = f"refs/remotes/{remote}/"
    return {tip for name, tip in refs.items() if name.startswith(prefix) and not name.startswith(others)}


def _find_common(repository: Repository, tips: Sequence[str], tracked: Sequence[set[str]]) -> set[str]:
    """Return where the history of *tips* meets what every remote has."""
    new: dict[str, list[str]] = {}
    with SafeGit(repository) as safe:
        here = [tip for tip, kind in safe.read_types(dict.fromkeys(tips)) if kind in ("commit", "tag")]
        for known in tracked:
            hidden = [tip for tip, kind in safe.read_types(known) if kind in ("commit", "tag")]
            lines = "".join([*(f"{tip}\n" for tip in here), *(f"^{tip}\n" for tip in hidden)]).encode()
            for line in safe.run("rev-list", "--parents", "--stdin", data=lines).decode().splitlines():
                commit, *parents = line.split()
                new[commit] = parents
    return {name for parents in new.values() for name in parents if name not in new} | (set(here) - new.keys())
