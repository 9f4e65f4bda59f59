"""What the pre-commit framework names; tests/hooks/test_pre_commit_framework.py runs the framework itself."""

from pathlib import Path

import pytest

from detector.errors import SourceError
from hooks.core.framework import read_range
from tests.hooks.world import Repository, leakfirst, token


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "repo")
    made.add("a", "a\n")
    made.commit()
    made.git("tag", "base")
    made.add("b.py", f"t = '{token()}'\n")
    made.commit()
    monkeypatch.chdir(made.path)
    return made


def test_names_of_a_range_are_resolved(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_range() is None
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", "base")
    monkeypatch.setenv("PRE_COMMIT_TO_REF", "main")
    found = read_range()
    assert found is not None and not found.is_push
    assert [found.old, found.new] == repo.git("rev-parse", "base", "main").split()
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", "0" * 40)
    monkeypatch.setenv("PRE_COMMIT_REMOTE_NAME", "origin")
    found = read_range()
    assert found is not None and found.is_push and found.old == ""


@pytest.mark.parametrize("name", ["nowhere", "--all", "f" * 40 + "^{commit}"])
def test_an_end_that_is_not_here_does_not_pass(repo: Repository, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRE_COMMIT_TO_REF", name)
    with pytest.raises(SourceError, match="not in this clone"):
        read_range()
    done = leakfirst("hook", "run", "pre-commit", cwd=repo.path)
    assert done.returncode == 2


def test_what_is_staged_counts_as_well_as_the_range(repo: Repository) -> None:
    repo.add("c.py", f"t = '{token(2)}'\n")
    named = {"PRE_COMMIT_FROM_REF": "base", "PRE_COMMIT_TO_REF": "base"}
    done = leakfirst("hook", "run", "pre-commit", cwd=repo.path, **named)
    assert done.returncode == 1 and "c.py:1:6" in done.stderr and "b.py" not in done.stderr


def test_files_that_a_hook_manager_names_below_the_top_are_found(repo: Repository) -> None:
    repo.write("app/x.py", f"t = '{token()}'\n")
    done = leakfirst("hook", "run", "pre-commit", "--", "x.py", "../b.py", "absent.py", cwd=repo.path / "app")
    assert done.returncode == 1 and "app/x.py:1:6" in done.stderr and "b.py:1:6" in done.stderr


def test_a_file_that_cannot_be_read_is_told(repo: Repository) -> None:
    done = leakfirst("hook", "run", "pre-commit", "--strict", "--", "absent.py", cwd=repo.path)
    assert done.returncode == 3 and "absent.py" in done.stderr
