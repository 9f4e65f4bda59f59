"""Find the new commits of a pipeline in its clone, and fetch what the clone lacks for them.

A clone for CI is often shallow (older commits are missing, perhaps the base too) or partial
(content of older versions is missing). What is missing is fetched from the remote that it
was cloned from; if that fails, the caller is told, so that it never passes for looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from detector.errors import SourceError
from detector.git.refs import read_head, read_refs, read_shallow_commits
from detector.git.repository import Repository, discover
from detector.git.safe_git import SafeGit
from hooks.core.hosts import HostFacts

DEEPENINGS = ("--deepen=100", "--deepen=1000", "--deepen=10000", "--unshallow")
FETCH_SECONDS = 900
LOCAL_SECONDS = 60
MAX_IDS = 20_000
"""How many objects are asked for with one fetch."""
MAX_PASSES = 10

_ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{40}(?:[0-9a-f]{24})?(?![0-9a-f])")


class NewCommits(NamedTuple):
    """The new commits: `range` for ``scan --range``, "" if it is not known where they begin; then `why` says why.

    `lacks` says what this clone lacks and could not fetch. `is_elsewhere` tells that the last commit of
    the change is not part of what is checked out. `rules` is the commit of the default branch whose ignore
    files count, "" if it is not known or those of the base do. `commits` is the number of new ones.
    """

    range: str = ""
    why: str = ""
    lacks: str = ""
    is_elsewhere: bool = False
    rules: str = ""
    commits: int = 0


class Clone:
    """The clone of this pipeline, and the remote that it can fetch from."""

    def __init__(self, path: str) -> None:
        """Open the repository at *path*. Raises `SourceError`."""
        self._path = path
        self.repository = self._open()
        self.problem = ""
        self._remote: str | None = None

    def _open(self) -> Repository:
        return discover(self._path, (os.sep,))

    def resolve(self, name: str) -> str:
        """Return the id of the commit *name*, "" if it is not in this clone."""
        if not name or name.startswith("-") or "\n" in name:
            return ""
        with SafeGit(self.repository, refs=True) as git:
            try:
                found = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            except SourceError:
                return ""
        return found.decode().strip()

    def list_commits(self, tip: str, known: Iterable[str]) -> list[str]:
        """Return the commits that *tip* reaches and *known* do not; objects that are missing end the search."""
        data = "".join([f"{tip}\n", *(f"^{name}\n" for name in known)]).encode()
        with SafeGit(self.repository) as git:
            return git.run("rev-list", "--stdin", data=data).decode().split()

    def fetch(self, *words: str, ids: Sequence[str] = ()) -> bool:
        """Fetch from the remote; return whether that worked. Afterwards `problem` says what git said."""
        remote = self._find_remote()
        if not remote:
            self.problem = self.problem or "it has no remote to fetch from"
            return False
        quiet = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false")
        switches = [word for setting in (*quiet, "protocol.ext.allow=never") for word in ("-c", setting)]
        fixed = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        stdin = ("--stdin",) if ids else ()
        try:
            done = subprocess.run(
                ["git", *switches, "fetch", *fixed, *stdin, *words[:1], remote, *words[1:]],
                cwd=self._path,
                env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
                input="".join(f"{name}\n" for name in ids).encode(),
                capture_output=True,
                timeout=FETCH_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.problem = f"git fetch took more than {FETCH_SECONDS} seconds"
            return False
        self.repository = self._open()
        if done.returncode:
            lines = os.fsdecode(done.stderr).strip().splitlines()
            self.problem = next((line for line in lines if line.startswith(("fatal:", "error:"))), "git fetch failed")
        return done.returncode == 0

    def _find_remote(self) -> str:
        if self._remote is None:
            try:
                done = subprocess.run(
                    ["git", "remote"], cwd=self._path, capture_output=True, check=False, timeout=LOCAL_SECONDS
                )
            except subprocess.TimeoutExpired:
                self._remote, self.problem = "", f"git remote took more than {LOCAL_SECONDS} seconds"
                return ""
            names = os.fsdecode(done.stdout).split()
            self._remote = "origin" if "origin" in names else (names[0] if names else "")
            if done.returncode:
                self.problem = os.fsdecode(done.stderr).partition("\n")[0]
        return self._remote

    def fetch_commit(self, name: str) -> str:
        """Return the id of *name*, fetched if it is missing; "" if that fails."""
        found = self.resolve(name)
        if found or not name:
            return found
        depth = "--depth=1" if self.repository.shallow else "--no-auto-maintenance"
        branch = name.removeprefix("refs/remotes/origin/")
        wanted = f"+refs/heads/{branch}:{name}" if branch != name else name
        if branch == name and not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", name):
            return ""
        self.fetch(depth, wanted)
        return self.resolve(name)

    def deepen(self, tip: str, known: Sequence[str]) -> bool:
        """Fetch older commits until everything from *known* to *tip* is here; return whether it is."""
        for depth in DEEPENINGS:
            if not self._is_cut(tip, known):
                return True
            self.fetch(depth, *([] if depth == "--unshallow" else [tip, *known]))
        return not self._is_cut(tip, known)

    def _is_cut(self, tip: str, known: Sequence[str]) -> bool:
        ends = set(read_shallow_commits(self.repository))
        return bool(ends) and not ends.isdisjoint(self.list_commits(tip, known))

    def fetch_content(self, commits: Sequence[str]) -> bool:
        """Fetch the trees and files that differ in *commits*, before and after; return whether all are here."""
        if not self.repository.promisor or not commits:
            return True
        text = "".join(f"{name}\n" for name in commits).encode()
        with SafeGit(self.repository) as git:
            lines = git.run("rev-list", "--no-walk=unsorted", "--format=%T %P", "--stdin", data=text)
            parents = {name for line in lines.decode().splitlines()[1::2] for name in line.split()[1:]}
            more = "".join(f"{name}\n" for name in parents).encode()
            roots = git.run("rev-list", "--no-walk=unsorted", "--format=%T", "--stdin", data=more) if parents else b""
        trees = {line.split()[0] for line in (lines + roots).decode().splitlines() if not line.startswith("commit ")}
        if not self._fetch_missing(trees):
            return False
        with SafeGit(self.repository) as git:
            try:
                raw = git.run(
                    *("diff-tree", "--stdin", "-r", "--root", "-c", "--raw", "--no-renames", "--no-abbrev"), data=text
                )
            except SourceError as error:
                self.problem = str(error)
                return False
        files = {name.decode() for line in raw.splitlines() if line[:1] == b":" for name in _ID.findall(line)}
        return self._fetch_missing({name for name in files if name.strip("0")})

    def fetch_history(self, tip: str) -> bool:
        """Fetch everything that *tip* reaches; return whether all of it is here."""
        if self.repository.shallow and not self.deepen(tip, []):
            return False
        if not self.repository.promisor:
            return True
        refs = read_refs(self.repository).values()
        # Of other branches only the trees: without them it cannot be said which commit brought something.
        return self._fetch_objects([tip]) and self._fetch_objects(refs, "--filter=blob:none")

    def _fetch_objects(self, tips: Iterable[str], *words: str) -> bool:
        """Fetch what *tips* reach; return whether all of it is here."""
        data = "".join(f"{tip}\n" for tip in tips).encode()
        for _ in range(MAX_PASSES):  # behind a tree that is missing further objects may be missing
            with SafeGit(self.repository) as git:
                listing = git.run("rev-list", "--objects", "--missing=print", *words, "--stdin", data=data)
            lost = {line[1:].decode() for line in listing.splitlines() if line[:1] == b"?"}
            if not lost or not self._fetch_missing(lost):
                return not lost
        return False

    def _fetch_missing(self, names: Iterable[str]) -> bool:
        for is_last in (False, True):
            with SafeGit(self.repository) as git:
                lost = [name for name, kind in git.read_types(sorted(names)) if kind == "missing"]
            if not lost or is_last:
                break
            for first in range(0, len(lost), MAX_IDS):
                if not self.fetch("--filter=blob:none", ids=lost[first : first + MAX_IDS]):
                    return False
        return not lost


def find_new_commits(clone: Clone, told: HostFacts) -> NewCommits:
    """Return the commits that the pipeline is about; what the clone lacks is fetched."""
    head = read_head(clone.repository)
    if not head:
        return NewCommits(why="there is no commit")
    named = clone.fetch_commit(told.base)
    known = [name for name in (named, clone.fetch_commit(told.target)) if name]
    first = _find_merge_target(clone, head, told, named)
    known = list(dict.fromkeys([*([first] if first else []), *known]))
    if not known:
        base = told.base or told.target
        why = f"the base {base} is not in this clone" if base else "no base is known"
        return NewCommits(why=why, lacks=base and _describe_lack(clone, told))
    if not clone.deepen(head, known):
        return NewCommits(why="this clone is too shallow", lacks=_describe_lack(clone, told))
    commits = clone.list_commits(head, known)
    lacks = "" if clone.fetch_content(commits) else _describe_lack(clone, told)
    elsewhere = bool(told.head) and not _reaches(clone, head, told.head)
    revisions = " ^".join([f"{known[0]}..HEAD", *known[1:]])
    rules = clone.fetch_commit(told.default)
    return NewCommits(revisions, lacks=lacks, is_elsewhere=elsewhere, rules=rules, commits=len(commits))


def _describe_lack(clone: Clone, told: HostFacts) -> str:
    return f"{told.advice} ({clone.problem})" if clone.problem else told.advice


def _find_merge_target(clone: Clone, head: str, told: HostFacts, base: str) -> str:
    """Return the first parent of *head* if *head* is the merge of a change that the host made, else ""."""
    parents = [clone.resolve(f"{head}^{number}") for number in (1, 2)]
    if not all(parents) and clone.repository.shallow and told.head and told.head != head:
        clone.fetch("--deepen=1", head)
        parents = [clone.resolve(f"{head}^{number}") for number in (1, 2)]
    if not all(parents) or clone.resolve(f"{head}^3"):
        return ""
    if told.head:
        return parents[0] if told.head == parents[1] else ""
    is_later = bool(base) and _reaches(clone, parents[0], base)
    return parents[0] if told.is_github_change and is_later else ""


def _reaches(clone: Clone, tip: str, other: str) -> bool:
    """Tell whether *tip* is *other* or one of its descendants."""
    return bool(clone.resolve(other)) and not clone.list_commits(other, [tip])
