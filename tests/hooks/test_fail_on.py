"""`--fail-on` in hooks: what is less severe is told and refuses nothing; what a format proves is never silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hooks.world import Repository, leakfirst, token

GUESS = "db_password = '" + "q7Zt" * 2 + "vK93bQ'\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository(tmp_path / "app")
    found.git("config", "user.name", "Ada")
    found.git("config", "user.email", "ada@example.org")
    return found


def test_a_guess_in_tests_is_told_and_committed(repository: Repository) -> None:
    repository.add("tests/test_login.py", GUESS)
    done = leakfirst("hook", "run", "pre-commit", cwd=repository.path)
    assert done.returncode == 0
    assert "not severe enough to refuse" in done.stderr and "tests/test_login.py:1:" in done.stderr
    done = leakfirst("hook", "run", "pre-commit", "--fail-on", "low", cwd=repository.path)
    assert done.returncode == 1 and "commit refused" in done.stderr


def test_the_same_in_source_is_refused(repository: Repository) -> None:
    repository.add("app/login.py", GUESS)
    assert leakfirst("hook", "run", "pre-commit", cwd=repository.path).returncode == 1
    assert leakfirst("hook", "run", "pre-commit", "--fail-on=critical", cwd=repository.path).returncode == 0


@pytest.mark.parametrize("path", ["tests/a.py", "docs/a.md", "vendor/a.go", "examples/.env", "dist/a.min.js", "a.py"])
def test_a_proven_key_of_a_provider_is_refused_everywhere(repository: Repository, path: str) -> None:
    repository.add(path, f"t = '{token()}'\n")
    assert leakfirst("hook", "run", "pre-commit", cwd=repository.path).returncode == 1


def test_the_option_is_installed_and_checked(repository: Repository) -> None:
    repository.install("pre-commit", "--fail-on", "low")
    repository.add("tests/test_login.py", GUESS)
    assert repository.commit().returncode != 0
    done = leakfirst("hook", "run", "pre-commit", "--fail-on", "severe", cwd=repository.path)
    assert done.returncode == 2 and "--fail-on must be one of info, low" in done.stderr


def test_a_push_records_what_it_let_through(tmp_path: Path, repository: Repository) -> None:
    server = Repository(tmp_path / "server.git", "--bare")
    server.install("pre-receive")
    repository.add("tests/test_login.py", GUESS)
    assert repository.commit().returncode == 0
    done = repository.try_git("push", "-q", str(server.path), "main")
    assert done.returncode == 0, done.stderr
    assert "not severe enough to refuse" in done.stderr and "tests/test_login.py:1:" in done.stderr
    assert '"mild": [{"fingerprint"' in server.trail
