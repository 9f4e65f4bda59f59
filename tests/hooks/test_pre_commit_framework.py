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


def test_names_of_files_are_no_options(repo: Repository) -> None:
    repo.add("--no-repository-ignores", "x\n")
    repo.add("--patterns=evil.toml", f"t = '{token()}'\n")
    done = repo.commit()
    assert done.returncode == 1 and "commit refused" in done.stderr


def test_without_two_dashes_a_file_is_not_taken_for_an_option(repo: Repository) -> None:
    config = repo.path / ".pre-commit-config.yaml"
    config.write_text(config.read_text().replace("- --\n", "- --strict\n"))
    repo.git("add", "-A")
    assert repo.commit().returncode == 0
    repo.add("--config=evil.toml", f"t = '{token()}'\n")
    done = repo.commit()
    assert done.returncode == 1 and "a file is named like an option" in done.stderr


def test_a_symbolic_link_is_content_too(repo: Repository) -> None:
    os.symlink(f"https://{token()}@example.com/x", repo.path / "link")
    repo.git("add", "link")
    assert repo.commit().returncode == 1
    repo.commit("slips", "--no-verify")
    assert "link:1:9" in run(repo, "run", "leakfirst", "--all-files", code=1)


def test_the_content_of_a_named_file_counts_and_in_a_commit_what_is_staged(repo: Repository) -> None:
    repo.add("a.py", "clean\n")
    repo.write("a.py", f"t = '{token()}'\n")
    assert "a.py:1:6" in run(repo, "run", "leakfirst", "--files", "a.py", code=1)
    assert repo.commit().returncode == 0


def test_a_merge_is_not_asked_for_old_values_of_files_with_conflicts(repo: Repository) -> None:
    repo.add("a.py", f"t = '{token()}'\nx = 1\n")
    repo.commit("old", "--no-verify")
    repo.git("checkout", "-q", "-b", "side")
    repo.add("a.py", f"t = '{token()}'\nx = 2\n")
    repo.commit("side", "--no-verify")
    repo.git("checkout", "-q", "main")
    repo.add("a.py", f"t = '{token()}'\nx = 3\n")
    repo.commit("main", "--no-verify")
    assert repo.try_git("merge", "-q", "side").returncode == 1
    repo.add("a.py", f"t = '{token()}'\nx = 3\n")
    done = repo.commit("merged")
    assert done.returncode == 0, done.stderr


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


def test_the_first_push_and_every_ref_of_a_push_are_looked_at(repo: Repository, tmp_path: Path) -> None:
    server = Repository(tmp_path / "server.git", "--bare")
    repo.git("remote", "add", "origin", str(server.path))
    repo.add("a.py", f"t = '{token()}'\n")
    repo.commit("leak", "--no-verify")
    assert repo.try_git("push", "-q", "origin", "main").returncode == 1
    repo.git("push", "-q", "--no-verify", "origin", "main")
    repo.git("checkout", "-q", "-b", "one")
    repo.add("one", "one\n")
    repo.commit("one", "--no-verify")
    repo.git("tag", "-a", "-m", f"used {token(2)}", "v1")
    done = repo.try_git("push", "-q", "origin", "one", "v1")
    assert done.returncode == 1 and "Nobody told which refs are pushed" in done.stdout + done.stderr
    repo.git("tag", "-d", "v1")
    repo.git("checkout", "-q", "--orphan", "pages")
    repo.add("b.py", f"t = '{token(3)}'\n")
    repo.commit("orphan", "--no-verify")
    assert repo.try_git("push", "-q", "origin", "one", "pages").returncode == 1
    repo.git("checkout", "-q", "one")
    repo.git("branch", "-q", "-D", "pages")
    assert repo.try_git("push", "-q", "origin", "one").returncode == 0


def test_in_ci_a_push_can_be_looked_at_by_names_of_refs(repo: Repository) -> None:
    repo.commit("start", "--no-verify")
    repo.git("branch", "base")
    repo.add("a.py", f"t = '{token()}'\n")
    repo.commit("leak", "--no-verify")
    words = ("run", "--hook-stage", "pre-push", "leakfirst-push")
    assert "a.py:1:6" in run(repo, *words, "--from-ref", "base", "--to-ref", "main", code=1)
    run(repo, *words, "--from-ref", "main", "--to-ref", "base")
    assert "a.py:1:6" in run(repo, *words, "--all-files", code=1)


def test_all_files_can_be_looked_at_by_hand(repo: Repository) -> None:
    repo.commit("start", "--no-verify")
    repo.add("a.py", f"t = '{token()}'\n")
    repo.commit("slips", "--no-verify")
    for words in (("--all-files",), ("--files", "a.py"), ("--from-ref", "HEAD^", "--to-ref", "HEAD")):
        assert "a.py:1:6" in run(repo, "run", "leakfirst", *words, code=1)
    assert "a.py:1:6" in run(repo, "run", "--all-files", "--hook-stage", "manual", "leakfirst-files", code=1)
    assert "Skipped" in run(repo, "run", "leakfirst", "--files", "absent")


def test_it_goes_beside_ours_in_either_order(repo: Repository) -> None:
    repo.install("pre-commit")
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    run(repo, "install")
    assert repo.commit().returncode == 1
    repo.add("a.py", "clean\n")
    assert repo.commit().returncode == 0
