"""Our hooks under the real `pre-commit` program."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.hooks.world import ROOT, Repository, token
from tests.program import HOME, IS_INSTALLED

PROGRAM = shutil.which("pre-commit", path=os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"])))
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pre-commit is not installed")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with the hooks of our manifest, run by this Python instead of an environment of their own."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "home"))
    if not IS_INSTALLED:
        monkeypatch.setenv("PYTHONPATH", str(HOME))
    made = Repository(tmp_path / "repo")
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for hook in hooks:
        hook["language"] = "system"
        hook["entry"] = hook["entry"].replace("leakfirst", f"{sys.executable} -m detector", 1)
    made.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}))
    made.git("add", "-A")
    run(made, "install", "-t", "pre-commit", "-t", "pre-push")
    return made


def run(repo: Repository, *words: str, code: int = 0) -> str:
    assert PROGRAM
    done = subprocess.run([PROGRAM, *words], cwd=repo.path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_a_commit_with_a_token_is_refused_and_without_it_passes(repo: Repository) -> None:
    repo.add("a.py", f"t = '{token()}'\n")
    done = repo.commit()
    assert done.returncode == 1
    assert "commit refused" in done.stderr and "a.py:1:6" in done.stderr
    repo.add("a.py", "clean\n")
    assert repo.commit().returncode == 0


def test_unstaged_changes_are_none_of_its_business(repo: Repository) -> None:
    repo.add("a.py", "clean\n")
    repo.write("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 0


def test_a_push_of_what_slipped_is_refused(repo: Repository, tmp_path: Path) -> None:
    server = Repository(tmp_path / "server.git", "--bare")
    repo.git("remote", "add", "origin", str(server.path))
    repo.add("a.py", "clean\n")
    assert repo.commit().returncode == 0
    assert repo.try_git("push", "-q", "origin", "main").returncode == 0
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit("slips", "--no-verify").returncode == 0
    done = repo.try_git("push", "-q", "origin", "main")
    assert done.returncode == 1 and "push refused" in done.stderr + done.stdout


def test_all_files_can_be_looked_at_by_hand(repo: Repository) -> None:
    repo.add("a.py", f"t = '{token()}'\n")
    repo.commit("slips", "--no-verify")
    run(repo, "run", "--all-files")
    assert "a.py:1:6" in run(repo, "run", "--all-files", "--hook-stage", "manual", "leakfirst-files", code=1)


def test_it_goes_beside_ours_in_either_order(repo: Repository) -> None:
    repo.install("pre-commit")
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    run(repo, "install")
    assert repo.commit().returncode == 1
    repo.add("a.py", "clean\n")
    assert repo.commit().returncode == 0
