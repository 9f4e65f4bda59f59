"""Our hooks stand beside others, and leave no trace when they go."""

import os
import sys
from pathlib import Path

import pytest

from detector.rules.shapes import expand
from tests.hooks.world import Repository, leakfirst, token


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


def hooks_of(repo: Repository) -> dict[str, str]:
    folder = repo.path / ".git" / "hooks"
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.suffix != ".sample"}


def put(repo: Repository, name: str, body: str, mode: int = 0o755) -> Path:
    path = repo.path / ".git" / "hooks" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_where_no_repository_is_nothing_is_installed(tmp_path: Path, where: str) -> None:
    done = leakfirst("hook", "install", "--repository", where, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr == f"leakfirst: {where}: not a git repository\n"


def test_an_existing_hook_is_called_first_and_restored(repo: Repository) -> None:
    put(repo, "pre-commit", "echo before >> calls; test ! -e stop")
    before = hooks_of(repo)
    repo.install()
    repo.add("a.py", "x\n")
    assert repo.commit().returncode == 0
    assert (repo.path / "calls").read_text() == "before\n"
    repo.add("stop", "")
    assert repo.commit().returncode == 1
    repo.git("rm", "-q", "-f", "stop")
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    leakfirst("hook", "uninstall", cwd=repo.path)
    assert hooks_of(repo) == before
    assert repo.commit().returncode == 0


def test_installing_twice_is_installing_once(repo: Repository) -> None:
    put(repo, "pre-push", "exit 0")
    repo.install()
    once = hooks_of(repo)
    repo.install()
    assert hooks_of(repo) == once
    assert set(once) == {"pre-commit", "pre-push", "pre-push.before-leakfirst"}


def test_hooks_may_be_named_behind_options(repo: Repository, tmp_path: Path) -> None:
    done = leakfirst("hook", "install", "--repository", str(repo.path), "pre-push", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(hooks_of(repo)) == {"pre-push"}


RULES = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acme_live_"]
pattern = 'acme_live_[0-9A-Za-z]{24}'
"""


def test_a_folder_of_rules_and_a_baseline_of_another_tool_are_handed_to_the_hook(repo: Repository) -> None:
    repo.write("rules/acme.toml", RULES)
    repo.write("exclude.txt", "^known\\.py$\n")
    repo.install("pre-commit", "--patterns", "rules", "--baseline", "trufflehog:exclude.txt")
    repo.add("known.py", expand("acme_live_{alnum:24}", seed=5))
    assert repo.commit().returncode == 0
    repo.add("new.py", expand("acme_live_{alnum:24}", seed=6))
    refused = repo.commit()
    assert refused.returncode == 1 and "Acme key" in refused.stderr


@pytest.mark.parametrize("option", ["--patterns", "--baseline", "--config"])
@pytest.mark.parametrize("content", [None, "junk = ("])
def test_nothing_is_installed_that_could_not_work(repo: Repository, option: str, content: str | None) -> None:
    if content:
        repo.write("given.toml", content)
    done = leakfirst("hook", "install", option, "given.toml", cwd=repo.path)
    assert done.returncode == 2 and "given.toml" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert hooks_of(repo) == {}


def test_nothing_is_overwritten(repo: Repository) -> None:
    put(repo, "pre-commit", "exit 0")
    put(repo, "pre-commit.before-leakfirst", "exit 0")
    before = hooks_of(repo)
    done = leakfirst("hook", "install", "pre-commit", cwd=repo.path)
    assert done.returncode == 2 and "before-leakfirst exists" in done.stderr
    assert hooks_of(repo) == before


def test_a_chained_hook_gets_the_same_input_and_arguments(repo: Repository, tmp_path: Path) -> None:
    server = Repository(tmp_path / "server.git", "--bare")
    put(repo, "pre-push", 'cat > pushed; echo "$@" > arguments')
    repo.install()
    repo.git("remote", "add", "origin", str(server.path))
    repo.add("a.py", "x\n")
    repo.commit()
    assert repo.try_git("push", "-q", "origin", "main").returncode == 0
    assert (repo.path / "pushed").read_text().startswith("refs/heads/main ")
    assert (repo.path / "arguments").read_text() == f"origin {server.path}\n"


def test_a_hook_that_git_would_not_run_is_not_run_either(repo: Repository) -> None:
    put(repo, "pre-commit", "touch ran", mode=0o644)
    repo.install("pre-commit")
    repo.add("a.py", "x\n")
    assert repo.commit().returncode == 0
    assert not (repo.path / "ran").exists()


def test_a_hook_of_ours_that_another_tool_moved_is_found(repo: Repository) -> None:
    repo.install("pre-commit")
    hook = repo.path / ".git" / "hooks" / "pre-commit"
    hook.rename(f"{hook}.legacy")
    put(repo, "pre-commit", 'exec "$0.legacy" "$@"')
    assert "pre-commit: installed" in leakfirst("hook", "status", cwd=repo.path).stdout
    leakfirst("hook", "uninstall", cwd=repo.path)
    assert set(hooks_of(repo)) == {"pre-commit"}


def test_one_global_folder_serves_every_repository_and_its_own_hooks(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    put(repo, "pre-commit", "echo own >> calls")
    put(repo, "post-commit", "echo after >> calls")
    repo.install("--global")
    repo.add("a.py", "x\n")
    assert repo.commit().returncode == 0
    assert (repo.path / "calls").read_text() == "own\nafter\n"
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    assert "installed" in leakfirst("hook", "status", "--global", cwd=repo.path).stdout
    repo.install("pre-commit")
    refused = repo.commit()
    assert refused.returncode == 1 and refused.stderr.count("commit refused") == 1
    leakfirst("hook", "uninstall", cwd=repo.path)
    leakfirst("hook", "uninstall", "--global", cwd=repo.path)
    assert not repo.try_git("config", "--global", "core.hooksPath").stdout
    assert not (tmp_path / "config" / "leakfirst" / "git-hooks").exists()
    assert repo.commit().returncode == 0


def test_a_foreign_global_folder_is_chained_and_left(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    folder = tmp_path / "company hooks"
    folder.mkdir()
    (folder / "pre-commit").write_text("#!/bin/sh\ntouch company\n")
    (folder / "pre-commit").chmod(0o755)
    repo.git("config", "--global", "core.hooksPath", str(folder))
    done = leakfirst("hook", "install", cwd=repo.path)
    assert done.returncode == 2 and "--global" in done.stderr
    repo.install("--global")
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    assert (repo.path / "company").exists()
    leakfirst("hook", "uninstall", "--global", cwd=repo.path)
    assert [path.name for path in folder.iterdir()] == ["pre-commit"]
    assert repo.try_git("config", "--global", "core.hooksPath").stdout.strip() == str(folder)


def test_husky_keeps_its_hooks(repo: Repository) -> None:
    repo.git("config", "core.hooksPath", ".husky/_")
    done = leakfirst("hook", "install", cwd=repo.path)
    assert done.returncode == 2 and ".husky/pre-commit" in done.stderr


def test_a_hook_whose_program_is_gone_says_so(repo: Repository) -> None:
    repo.install("pre-commit")
    hook = repo.path / ".git" / "hooks" / "pre-commit"
    hook.write_text(hook.read_text().replace(sys.executable, "/nowhere/python"))
    repo.add("a.py", "x\n")
    done = repo.commit(PATH=os.pathsep.join(("/usr/bin", "/bin")))
    assert done.returncode == 1 and "--no-verify" in done.stderr


def test_wrong_words_are_usage_errors(repo: Repository, tmp_path: Path) -> None:
    assert leakfirst("hook", "install", "pre-lunch", cwd=repo.path).returncode == 2
    (tmp_path / "plain").mkdir()
    done = leakfirst("hook", "install", cwd=tmp_path / "plain")
    assert done.returncode == 2 and "not a git repository" in done.stderr
