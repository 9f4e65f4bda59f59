"""The state of a branch has nothing of other branches, and everything of its own, whoever had it first."""

from pathlib import Path

import pytest

from detector.config import Config
from detector.scan import pipeline
from tests.hooks.world import Repository, token


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "repo")
    made.add("start", "x\n")
    made.commit()
    made.git("checkout", "-q", "-b", "topic")
    made.add("a.py", f"# first on topic\nt = '{token(1)}'\n")
    made.add("b.py", f"t = '{token(2)}'\n")
    made.commit()
    made.git("checkout", "-q", "main")
    made.add("a.py", f"t = '{token(1)}'\n")
    made.commit()
    made.git("rm", "-q", "a.py")
    made.commit(f"removed {token(3)}")
    monkeypatch.chdir(made.path)
    return made


def test_of_the_history_only_what_head_reaches_is_kept(repo: Repository) -> None:
    def find(**options: bool) -> set[tuple[str, str]]:
        result = pipeline.scan(Config(worktree=False, every_commit=True, **options))
        assert result.complete
        return {(at.origin.kind, at.origin.path) for finding in result.findings for at in finding.locations}

    assert find(head_only=True) == {("blob", "a.py"), ("commit", "")}
    assert find() == {("blob", "a.py"), ("blob", "b.py"), ("commit", "")}


def test_without_a_commit_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Repository(tmp_path / "empty")
    made.write("lost", f"t = '{token()}'\n")
    made.git("hash-object", "-w", "lost")
    monkeypatch.chdir(made.path)
    assert pipeline.scan(Config(worktree=False, head_only=True)).findings == ()
