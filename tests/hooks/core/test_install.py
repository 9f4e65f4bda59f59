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
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".sample"]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


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
    assert set(once) == {"pre-commit", "pre-push", "before-leakfirst/pre-push"}


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
    put(repo, "pre-commit", "echo first >> calls")
    repo.install("pre-commit")
    put(repo, "pre-commit", "echo second >> calls")
    done = leakfirst("hook", "install", "pre-commit", cwd=repo.path)
    assert done.returncode == 0 and "an older hook is kept" in done.stdout
    assert "first" in hooks_of(repo)["before-leakfirst/pre-commit.1"]
    repo.add("a.py", "x\n")
    assert repo.commit().returncode == 0 and (repo.path / "calls").read_text() == "second\n"
    leakfirst("hook", "uninstall", cwd=repo.path)
    assert "second" in hooks_of(repo)["pre-commit"] and "before-leakfirst/pre-commit.1" in hooks_of(repo)


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


def test_a_hook_of_ours_that_the_framework_moved_is_found(repo: Repository) -> None:
    repo.install("pre-commit")
    hook = repo.path / ".git" / "hooks" / "pre-commit"
    hook.rename(f"{hook}.legacy")
    put(repo, "pre-commit", '# File generated by pre-commit: https://pre-commit.com\nexec "$0.legacy" "$@"')
    assert "pre-commit: installed" in leakfirst("hook", "status", cwd=repo.path).stdout
    repo.install("pre-commit")
    assert set(hooks_of(repo)) == {"pre-commit", "pre-commit.legacy"}
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    leakfirst("hook", "uninstall", cwd=repo.path)
    assert set(hooks_of(repo)) == {"pre-commit"}


def test_a_hook_of_ours_that_is_not_called_any_more_is_not_said_to_be_installed(repo: Repository) -> None:
    repo.install("pre-commit")
    hook = repo.path / ".git" / "hooks" / "pre-commit"
    hook.rename(f"{hook}.old")
    put(repo, "pre-commit", "exit 0")
    status = leakfirst("hook", "status", cwd=repo.path).stdout
    assert "pre-commit: not installed" in status and "does not call it" in status
    repo.install("pre-commit")
    assert set(hooks_of(repo)) == {"pre-commit", "before-leakfirst/pre-commit"}
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    hook.chmod(0o644)
    assert "not executable" in leakfirst("hook", "status", cwd=repo.path).stdout


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


@pytest.mark.parametrize("is_link", [False, True])
def test_a_chained_hook_finds_its_own_name_and_what_lay_beside_it(repo: Repository, is_link: bool) -> None:
    put(repo, "shared.sh", 'basename "$0" >> calls')
    put(repo, "real-hook", '. "$(dirname "$0")/shared.sh"')
    hook = repo.path / ".git" / "hooks" / "pre-commit"
    if is_link:
        hook.symlink_to("real-hook")
    else:
        hook.write_bytes((hook.parent / "real-hook").read_bytes())
        hook.chmod(0o755)
    before = hooks_of(repo)
    repo.install("pre-commit")
    repo.add("a.py", "x\n")
    assert repo.commit().returncode == 0
    assert (repo.path / "calls").read_text() == "pre-commit\n"
    leakfirst("hook", "uninstall", cwd=repo.path)
    assert hooks_of(repo) == before and hook.is_symlink() == is_link
    assert not is_link or os.readlink(hook) == "real-hook"


def test_a_hook_that_another_manager_wrote_over_ours_does_not_block(repo: Repository) -> None:
    put(repo, "pre-commit", "echo own >> calls")
    before = hooks_of(repo)
    repo.install("pre-commit")
    put(repo, "pre-commit", "echo own >> calls")
    repo.install("pre-commit")
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    assert (repo.path / "calls").read_text() == "own\n"
    leakfirst("hook", "uninstall", cwd=repo.path)
    assert hooks_of(repo) == before


def test_the_hook_that_an_earlier_version_moved_is_still_called(repo: Repository) -> None:
    repo.install("pre-commit")
    put(repo, "pre-commit.before-leakfirst", "echo former >> calls")
    repo.install("pre-commit")
    assert set(hooks_of(repo)) == {"pre-commit", "before-leakfirst/pre-commit"}
    repo.add("a.py", "x\n")
    assert repo.commit().returncode == 0 and (repo.path / "calls").read_text() == "former\n"


@pytest.mark.parametrize("scope", ["--local", "--worktree"])
def test_a_tracked_folder_of_hooks_is_changed_only_on_demand(repo: Repository, scope: str) -> None:
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.write(".githooks/pre-commit", "#!/bin/sh\necho own >> calls\n")
    (repo.path / ".githooks" / "pre-commit").chmod(0o755)
    repo.write(".gitignore", "calls\n")
    repo.git("add", "-A")
    repo.commit()
    repo.git("config", scope, "core.hooksPath", ".githooks")
    done = leakfirst("hook", "install", cwd=repo.path)
    assert done.returncode == 2 and "git tracks" in done.stderr and not repo.git("status", "--short")
    repo.install("pre-commit", "--tracked")
    for path in (repo.path / ".githooks").rglob("*"):
        assert path.is_dir() or sys.executable not in path.read_text()
    assert leakfirst("hook", "uninstall", cwd=repo.path).returncode == 0
    assert not repo.git("status", "--short")


def test_a_folder_of_hooks_that_git_would_track_is_left_alone_too(repo: Repository) -> None:
    repo.git("config", "core.hooksPath", "hooks")
    assert leakfirst("hook", "install", cwd=repo.path).returncode == 2
    repo.write(".gitignore", "/hooks/\n")
    repo.install("pre-commit")
    assert (repo.path / "hooks" / "pre-commit").exists()


def test_a_relative_global_folder_is_no_folder_for_all(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    repo.git("config", "--global", "core.hooksPath", ".githooks")
    done = leakfirst("hook", "install", "--global", cwd=repo.path)
    assert done.returncode == 2 and "folder of each repository" in done.stderr
    assert not (repo.path / ".githooks").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_repository_of_somebody_else_is_named_as_such(repo: Repository) -> None:
    for path in (repo.path, *repo.path.rglob("*")):
        os.chown(path, 12345, 12345)
    done = leakfirst("hook", "install", cwd=repo.path)
    assert done.returncode == 2 and "another user" in done.stderr and "safe.directory" in done.stderr
    done = leakfirst("hook", "run", "pre-commit", cwd=repo.path)
    assert done.returncode == 2 and "ownership" in done.stderr


def test_what_git_says_is_passed_on(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    server = Repository(tmp_path / "server.git", "--bare")
    server.git("config", "--global", "safe.bareRepository", "explicit")
    done = leakfirst("hook", "install", cwd=server.path)
    assert done.returncode == 2 and "bare repository" in done.stderr


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
