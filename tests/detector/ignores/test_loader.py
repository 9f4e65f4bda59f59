"""Whose ignore files count: those of the checkout, and of HEAD where nothing is checked out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from detector.rules.shapes import expand
from leakfirst._program import main

TOKEN = expand("acme_live_{alnum:24}", seed=5)
RULES = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acme_live_"]
pattern = 'acme_live_[0-9A-Za-z]{24}'
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare repository within a working tree that ignores everything; its own files set one token aside at HEAD."""
    outer = tmp_path / "outer"
    work, stored = outer / "work", outer / "stored.git"
    work.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(outer)], check=True)
    (outer / ".leakfirstignore").write_text("**\n")
    (tmp_path / "rules.toml").write_text(RULES)
    monkeypatch.chdir(tmp_path)

    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@acme.test"]
        subprocess.run(["git", "-C", str(work), *who, *words], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (work / "fixtures").mkdir()
    (work / "fixtures" / "a.txt").write_text(f"{TOKEN}\n")
    (work / ".leakfirstignore").write_text("fixtures/\n")
    (work / ".gitleaksignore").write_text("fixtures/\n")  # the same content twice is one object
    git("add", ".")
    git("commit", "-qm", "one")
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(stored)], check=True)
    return stored


def found(target: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main(["scan", "-j", "1", "-f", "json", "--patterns", "rules.toml", "--only", "acme.*", target])
    report = json.loads(capsys.readouterr().out)
    assert len(report["findings"]) == code
    return code, report["notes"]


@pytest.mark.parametrize("as_url", [False, True])
def test_ignore_files_of_head_apply_without_a_working_tree(
    bare: Path, as_url: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    code, notes = found(f"file://{bare}" if as_url else str(bare), capsys)
    assert code == 0
    assert any("the repository's .leakfirstignore is applied" in note for note in notes)


def test_an_ignore_file_that_is_gone_from_head_counts_no_more(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = str(bare.parent / "work")
    subprocess.run(["git", "-C", work, "rm", "-q", ".leakfirstignore", ".gitleaksignore"], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@acme.test"]
    subprocess.run(["git", "-C", work, *who, "commit", "-qm", "two"], check=True)
    subprocess.run(["git", "-C", work, "push", "-q", str(bare), "main"], check=True)
    assert found(str(bare), capsys)[0] == 1
