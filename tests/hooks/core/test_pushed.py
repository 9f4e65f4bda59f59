"""What is pushed is found out, or every local ref is looked at; nothing told is not nothing pushed."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.core.pushed import parse_update
from tests.hooks.world import Repository, leakfirst, token
from tests.program import environment

ID, ZERO = "a" * 40, "0" * 40


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    for name in ("origin", "other"):
        Repository(tmp_path / f"{name}.git", "--bare")
        made.git("remote", "add", name, str(tmp_path / f"{name}.git"))
    made.add("README", "hello\n")
    made.commit()
    made.git("push", "-q", "origin", "main")
    return made


def hook(repo: Repository, *words: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return leakfirst("hook", "run", "pre-push", *words, cwd=repo.path, given=given, **more)


def leak(repo: Repository, number: int = 1) -> str:
    repo.add(f"leak{number}.py", f"t = '{token(number)}'\n")
    repo.commit("leak")
    return repo.git("rev-parse", "HEAD").strip()


@pytest.mark.parametrize(
    ("line", "ref"),
    [
        (f"refs/heads/x {ID} refs/heads/y {ZERO}", "refs/heads/y"),
        (f"HEAD^{{/fix the bug}} {ID} refs/heads/y {ZERO}", "refs/heads/y"),
        (f"(delete) {ZERO} refs/heads/y {ID}", "refs/heads/y"),
        ("", None),
        (f"{ID} refs/heads/y {ZERO}", None),
        (f"x {ID[:-1]} refs/heads/y {ZERO}", None),
    ],
)
def test_a_line_of_git_is_read_from_its_end(line: str, ref: str | None) -> None:
    found = parse_update(line)
    assert (found and found.ref) == ref


def test_a_revision_with_spaces_is_looked_at(repo: Repository) -> None:
    repo.install("pre-push")
    leak(repo)
    repo.git("commit", "-q", "--amend", "-m", "fix the bug")
    assert repo.try_git("push", "-q", "origin", "HEAD^{/fix the bug}:refs/heads/x").returncode == 1


def test_input_that_was_eaten_does_not_let_a_push_through(repo: Repository) -> None:
    script = repo.path / ".git" / "hooks" / "pre-push"
    script.write_text(f'#!/bin/sh\ncat > /dev/null\nexec {sys.executable} -m leakfirst hook run pre-push "$@"\n')
    script.chmod(0o755)
    variables = {name: value for name, value in environment().items() if name == "PYTHONPATH"}
    repo.add("a", "a\n")
    repo.commit()
    assert repo.try_git("push", "-q", "origin", "main", **variables).returncode == 0
    leak(repo)
    done = repo.try_git("push", "-q", "origin", "main", **variables)
    assert done.returncode == 1 and "Nobody told which refs are pushed" in done.stderr


@pytest.mark.parametrize("given", ["", "something else\n", f"refs/heads/main {ID[:7]} refs/heads/main {ZERO}\n"])
def test_without_usable_input_every_local_ref_counts(repo: Repository, given: str) -> None:
    assert hook(repo, "origin", given=given).returncode == 0
    repo.git("checkout", "-q", "-b", "side")
    leak(repo)
    repo.git("checkout", "-q", "main")
    done = hook(repo, "origin", given=given)
    assert done.returncode == 1 and "leak1.py:1:6" in done.stderr


def test_a_name_with_a_separator_of_lines_is_one_line(repo: Repository) -> None:
    tip = leak(repo)
    given = f"refs/heads/a\u2028b {tip} refs/heads/a\u2028b {ZERO}\n"
    done = hook(repo, "origin", given=given)
    assert done.returncode == 1 and "Nobody told" not in done.stderr


def test_a_deletion_alone_needs_no_look(repo: Repository) -> None:
    tip = leak(repo)
    assert hook(repo, "origin", given=f"(delete) {ZERO} refs/heads/x {tip}\n").returncode == 0


def test_a_stash_is_not_pushed(repo: Repository) -> None:
    repo.add("README", f"t = '{token()}'\n")
    repo.git("stash")
    assert hook(repo, "origin").returncode == 0


def test_a_terminal_is_refused_instead_of_waited_for(repo: Repository) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "leakfirst", "hook", "run", "pre-push", "origin"],
            cwd=repo.path,
            env=environment(),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2 and "terminal" in done.stderr


def test_closed_input_is_nothing_told(repo: Repository) -> None:
    leak(repo)
    done = subprocess.run(
        f'"{sys.executable}" -m leakfirst hook run pre-push origin <&-',
        shell=True,
        cwd=repo.path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1


def test_what_another_remote_has_is_not_known_to_this_one(repo: Repository) -> None:
    tip = leak(repo)
    repo.git("push", "-q", "origin", "main")
    line = f"refs/heads/main {tip} refs/heads/main {ZERO}\n"
    assert hook(repo, "origin", given=line).returncode == 0
    assert hook(repo, "other", given=line).returncode == 1
    # Nobody names the remote: then only what both have is known.
    assert hook(repo, given=line).returncode == 1
    repo.git("push", "-q", "other", "main")
    assert hook(repo, given=line).returncode == 0


def test_a_remote_whose_name_begins_like_another_lends_it_nothing(repo: Repository) -> None:
    repo.git("remote", "add", "origin/fork", repo.git("remote", "get-url", "other").strip())
    tip = leak(repo)
    repo.git("push", "-q", "origin/fork", "main")
    line = f"refs/heads/main {tip} refs/heads/main {ZERO}\n"
    assert hook(repo, "origin/fork", given=line).returncode == 0
    assert hook(repo, "origin", given=line).returncode == 1


def test_an_object_that_is_not_there_does_not_pass(repo: Repository) -> None:
    done = hook(repo, "origin", given=f"refs/heads/main {ID} refs/heads/main {ZERO}\n")
    assert done.returncode == 2 and "cannot be read" in done.stderr


@pytest.mark.parametrize("name", ["pre-commit", "pre-push"])
def test_a_hook_ends_although_git_does_not(repo: Repository, name: str) -> None:
    repo.add("a.py", "x = 1\n")
    tip = repo.git("rev-parse", "HEAD").strip()
    os.mkfifo(repo.path / ".git" / "objects" / "info" / "alternates")
    given = f"refs/heads/x {tip} refs/heads/x {ZERO}\n" if name == "pre-push" else ""
    done = leakfirst("hook", "run", name, "--timeout", "3", cwd=repo.path, given=given)
    assert done.returncode == 3, done.stderr


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "\u0663", "soon"])
def test_a_time_limit_is_a_number_of_seconds(repo: Repository, text: str) -> None:
    done = leakfirst("hook", "run", "pre-push", f"--timeout={text}", cwd=repo.path)
    assert done.returncode == 2 and "give a number of seconds" in done.stderr
