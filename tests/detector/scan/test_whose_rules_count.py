"""Whose ignore files a scan obeys, what they set aside, and that notes and exit code say so."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from detector.config import Config
from detector.errors import ExitCode, UsageError
from detector.model import ObeyedRules, RunAccount, Scan, SetAside
from detector.rules.shapes import expand
from detector.scan import pipeline

TOKEN = expand("ghp_{alnum:30}{check:github-crc32}", 19)


def git(folder: Path, *words: str) -> str:
    names = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    done = subprocess.run(["git", *names, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an empty base commit, and a file with a credential that is not committed yet."""
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "base")
    (tmp_path / "a.py").write_text(f"t = '{TOKEN}'\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")


def scan(**options: Any) -> Scan:
    return pipeline.scan(Config(jobs=1, progress=False, **options))


BRINGS = {
    ".leakfirstignore": "**\n",
    "leakfirst.toml": '[[allow]]\npaths = ["**"]\n',
    "pyproject.toml": '[[tool.leakfirst.allow]]\npaths = ["**"]\n',
    ".gitleaks.toml": "[allowlist]\npaths = ['''.*''']\n",
    ".gitleaksignore": "a.py:github-pat:1\n",
    ".github/secret_scanning.yml": 'paths-ignore:\n  - "**"\n',
}


@pytest.mark.parametrize("name", BRINGS)
def test_what_a_change_brings_to_silence_itself_is_not_obeyed_and_named(repository: Path, name: str) -> None:
    path = repository / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(BRINGS[name])
    commit(repository)
    assert not scan(range="HEAD~1..HEAD").findings
    judged = scan(range="HEAD~1..HEAD", ignores_from="HEAD~1")
    assert len(judged.findings) == 1
    assert judged.obeyed.changed == (name,)
    assert f"{name} is changed by what is scanned; the change is not in force" in judged.notes


def test_what_the_base_says_is_obeyed_and_a_change_that_takes_it_away_is_named(repository: Path) -> None:
    (repository / ".leakfirstignore").write_text("a.py\n")
    git(repository, "add", ".leakfirstignore")
    git(repository, "commit", "-q", "-m", "rules")
    (repository / ".leakfirstignore").unlink()
    commit(repository)
    judged = scan(range="HEAD~1..HEAD", ignores_from="HEAD~1")
    assert not judged.findings
    assert judged.account.set_aside == (SetAside(".leakfirstignore", 1),)
    assert "1 finding set aside by .leakfirstignore" in judged.notes
    assert judged.account.obeyed.changed == (".leakfirstignore",)


def test_a_baseline_in_the_checkout_is_that_of_the_base(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A pipeline names it, but the change can edit it."""
    (repository / "known.toml").write_text(BRINGS[".gitleaks.toml"])
    commit(repository)
    named = "gitleaks-config:known.toml"
    assert not scan(range="HEAD~1..HEAD", baseline=named).findings
    judged = scan(range="HEAD~1..HEAD", baseline=named, ignores_from="HEAD~1")
    assert len(judged.findings) == 1
    assert any("known.toml comes with what is scanned" in note for note in judged.notes)
    assert not scan(range="HEAD~1..HEAD", baseline=named, ignores_from="HEAD").findings
    outside = tmp_path_factory.mktemp("operator") / "known.toml"
    outside.write_text((repository / "known.toml").read_text())
    assert not scan(range="HEAD~1..HEAD", baseline=f"gitleaks-config:{outside}", ignores_from="HEAD~1").findings


def test_an_unknown_base_is_wrong_usage(repository: Path) -> None:
    for name in ("nowhere", "--upload-pack=touch ran"):
        with pytest.raises(UsageError, match="no target has this revision"):
            scan(ignores_from=name)


def test_nothing_of_the_repository_counts_on_request(repository: Path) -> None:
    (repository / "a.py").write_text(f"t = '{TOKEN}'  # leakfirst:allow\n")
    (repository / ".leakfirstignore").write_text("**\n")
    commit(repository)
    assert not scan().findings
    (aside,) = scan().account.set_aside
    assert aside[:2] == ("leakfirst:allow in the file", 1)
    assert [place.partition(" in commit")[0] for place in aside.places] == ["a.py:1", "a.py:1"]
    assert len(scan(repository_ignores=False).findings) == 1


def test_rules_that_nobody_applies_are_said_and_make_the_scan_fail(repository: Path) -> None:
    (repository / "a.py").write_text("x = 1\n")
    rules = "[[rules]]\nid = 'acme'\ndescription = 'a'\nregex = '''acme_[0-9a-f]{32}'''\nkeywords = ['acme_']\n"
    (repository / ".gitleaks.toml").write_text(rules)
    commit(repository)
    result = scan()
    assert result.account.choose_exit_code() is ExitCode.USAGE
    assert any(".gitleaks.toml: 1 rule NOT in force (acme)" in note for note in result.notes)
    assert scan(patterns=(".gitleaks.toml",)).account.choose_exit_code() is ExitCode.CLEAN


def test_an_exit_code_is_made_from_the_account() -> None:
    unused = ObeyedRules(not_in_force=("x",))
    assert RunAccount().choose_exit_code() is ExitCode.CLEAN
    assert RunAccount(unread=1).choose_exit_code() is ExitCode.INCOMPLETE
    assert RunAccount(unread=1, obeyed=unused).choose_exit_code() is ExitCode.USAGE
    assert RunAccount(found=1, unread=1, obeyed=unused).choose_exit_code() is ExitCode.FOUND
    assert RunAccount(found=1).choose_exit_code(exit_zero=True) is ExitCode.CLEAN
    assert RunAccount(unread=1).choose_exit_code(accept_unread=True) is ExitCode.CLEAN
    assert RunAccount(found=1, unread=1).choose_exit_code(accept_unread=True) is ExitCode.FOUND
    assert RunAccount(found=1, interrupted=True).choose_exit_code() is ExitCode.INTERRUPTED


def test_a_scan_that_read_nothing_says_so(repository: Path) -> None:
    commit(repository)
    nothing = "nothing was scanned: what was asked for has no content"
    assert nothing in scan(range="HEAD..HEAD").notes
    (repository / "empty").mkdir()
    assert nothing in scan(targets=("empty",)).notes
    assert nothing not in scan(range="HEAD~1..HEAD").notes
