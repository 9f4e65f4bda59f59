"""The new commits are found in full, shallow, partial and base-less clones, or what is missing is said."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.hooks.world import Repository, leakfirst, token

NOTHING = dict.fromkeys(
    ("GITHUB_ACTIONS", "GITHUB_EVENT_PATH", "GITLAB_CI", "LEAKFIRST_BASE", "GITHUB_STEP_SUMMARY"), ""
)
CLONES = {
    "full": [],
    "shallow": ["--depth=1"],
    "blobless": ["--filter=blob:none"],
    "treeless": ["--filter=tree:0"],
    "base-less": ["--depth=1", "--single-branch"],
    "shallow and blobless": ["--depth=2", "--filter=blob:none"],
}


@pytest.fixture
def server(tmp_path: Path) -> Repository:
    """A repository with an old token on main, twenty clean commits of main, and a branch that starts among them."""
    made = Repository(tmp_path / "server")
    made.git("config", "uploadpack.allowFilter", "true")
    made.add("old.py", f"t = '{token(1)}'\nx = 0\n")
    made.commit("old")
    for number in range(4):
        made.add("old.py", f"t = '{token(1)}'\nx = {number + 1}\n")
        made.commit(f"main {number}")
    made.git("checkout", "-q", "-b", "topic", "HEAD~2")
    for number in range(3):
        made.add("old.py", f"t = '{token(1)}'\nx = 1\ny = {number}\n")
        made.commit(f"topic {number}")
    return made


def clone(server: Repository, *words: str, branch: str = "topic") -> Path:
    path = server.path.parent / "clone"
    shutil.rmtree(path, ignore_errors=True)
    server.git("clone", "-q", *words, "-b", branch, f"file://{server.path}", str(path))
    return path


def scan(path: Path, **environment: str) -> tuple[int, str]:
    done = leakfirst("hook", "run", "ci", "--report", "text=-", cwd=path, **{**NOTHING, **environment})
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kind", CLONES)
@pytest.mark.parametrize("is_named_by_id", [True, False])
def test_a_clean_change_passes_and_a_leak_is_found_in_every_clone(
    server: Repository, kind: str, is_named_by_id: bool
) -> None:
    main = server.git("rev-parse", "main").strip()
    told = {"LEAKFIRST_BASE": main} if is_named_by_id else {"CHANGE_TARGET": "main", "CHANGE_ID": "1"}
    code, said = scan(clone(server, *CLONES[kind]), **told)
    assert code == 0, said
    server.add("new.py", f"t = '{token(2)}'\n")
    server.commit("leak")
    server.git("rm", "-q", "new.py")
    server.commit("removed")
    code, said = scan(clone(server, *CLONES[kind]), **told)
    assert code == 1 and "new.py" in said and "old.py" not in said, said


@pytest.mark.parametrize("kind", ["shallow", "blobless", "treeless"])
def test_without_a_base_everything_of_the_branch_is_fetched_and_found(server: Repository, kind: str) -> None:
    code, said = scan(clone(server, *CLONES[kind]))
    assert code == 1 and "scanning everything" in said and "old.py" in said


@pytest.mark.parametrize("kind", ["shallow", "blobless", "base-less"])
def test_what_cannot_be_fetched_is_named_and_does_not_pass(server: Repository, kind: str) -> None:
    main = server.git("rev-parse", "main").strip()
    path = clone(server, *CLONES[kind])
    server.path.rename(server.path.parent / "gone")
    code, said = scan(path, LEAKFIRST_BASE=main, TF_BUILD="True")
    assert code in (1, 3) and "fetchDepth: 0" in said and "gone" not in said


def merge(server: Repository, *, into: str = "main") -> tuple[str, dict[str, str]]:
    """Merge topic as a host does for a pull request; return the branch and what GitHub tells."""
    base = server.git("rev-parse", "main~1").strip()
    head = server.git("rev-parse", "topic").strip()
    server.git("checkout", "-q", "-B", "merged", into)
    server.git("merge", "-q", "-X", "ours", "--no-ff", "-m", "Merge", "topic")
    event = server.path.parent / "event.json"
    event.write_text(json.dumps({"pull_request": {"base": {"sha": base, "ref": "main"}, "head": {"sha": head}}}))
    return "merged", {"GITHUB_EVENT_PATH": str(event)}


@pytest.mark.parametrize("kind", ["full", "shallow", "blobless"])
def test_what_others_brought_to_the_target_meanwhile_is_not_of_the_change(server: Repository, kind: str) -> None:
    server.git("checkout", "-q", "main")
    server.add("others.py", f"t = '{token(3)}'\n")
    server.commit("others")
    branch, told = merge(server)
    server.git("branch", "-D", "-q", "main")  # not even the branch itself is there
    code, said = scan(clone(server, *CLONES[kind], branch=branch), **told)
    assert code == 0, said


def test_a_merge_that_the_author_made_excuses_nothing(server: Repository) -> None:
    """The first parent of a merge is the target only if the host made the merge."""
    server.add("new.py", f"t = '{token(2)}'\n")
    server.commit("leak")
    server.git("checkout", "-q", "-b", "side", "main")
    server.add("side", "x\n")
    server.commit("side")
    server.git("checkout", "-q", "topic")
    server.git("merge", "-q", "-X", "ours", "--no-ff", "-m", "Merge", "side")
    main = server.git("rev-parse", "main").strip()
    event = server.path.parent / "event.json"
    head = server.git("rev-parse", "topic").strip()
    event.write_text(json.dumps({"pull_request": {"base": {"sha": main, "ref": "main"}, "head": {"sha": head}}}))
    code, said = scan(clone(server), GITHUB_EVENT_PATH=str(event))
    assert code == 1 and "new.py" in said


def test_a_change_that_is_not_checked_out_does_not_pass(server: Repository) -> None:
    """pull_request_target checks out the target: the range is empty, and nothing was looked at."""
    _, told = merge(server)
    code, said = scan(clone(server, branch="main"), **told)
    assert code == 3 and "not checked out" in said


def test_a_base_that_a_forced_push_left_is_fetched(server: Repository) -> None:
    before = server.git("rev-parse", "topic").strip()
    server.git("reset", "-q", "--hard", "HEAD~1")
    server.add("new.py", "x\n")
    server.commit("other")
    path = clone(server, "--no-local")
    code, said = scan(path, CI_COMMIT_BEFORE_SHA=before)
    assert code == 0 and "scanning everything" not in said


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_clone_of_somebody_else_is_read(server: Repository) -> None:
    path = clone(server)
    for each in (path, *path.rglob("*")):
        os.chown(each, 12345, 12345)
    code, said = scan(path, LEAKFIRST_BASE=server.git("rev-parse", "main").strip())
    assert code == 0 and "scanning everything" not in said


def test_hooks_and_helpers_of_the_clone_do_not_run(server: Repository) -> None:
    path = clone(server, "--depth=1")
    hook = path / ".git" / "hooks" / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {path}/ran\n")
    hook.chmod(0o755)
    assert scan(path, LEAKFIRST_BASE=server.git("rev-parse", "main").strip())[0] == 0
    assert not (path / "ran").exists()
