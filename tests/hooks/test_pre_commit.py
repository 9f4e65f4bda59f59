"""The hook for commits, run by the real git: what is refused, and what is let through."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hooks.world import Repository, leakfirst, token
from tests.program import HOME


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo with space")
    made.install("pre-commit")
    return made


def started(repo: Repository) -> Repository:
    repo.add("README", "hello\n")
    assert repo.commit().returncode == 0
    return repo


def test_the_first_commit_of_a_repository_is_refused_with_a_token_and_passes_without(repo: Repository) -> None:
    repo.add("config.py", f'TOKEN = "{token()}"\n')
    done = repo.commit()
    assert done.returncode == 1
    assert "config.py:1:10  GitHub personal access token" in done.stderr
    assert token() not in done.stderr + repo.trail
    repo.add("config.py", "import os\nTOKEN = os.environ['TOKEN']\n")
    assert repo.commit().returncode == 0


def test_the_message_says_what_where_why_and_what_to_do(repo: Repository) -> None:
    repo.add("a.py", f"t = '{token()}'\n")
    said = repo.commit().stderr
    for part in ("commit refused", "a.py:1:6", "Why it matters", "environment", "leakfirst:allow", "LEAKFIRST_SKIP=1"):
        assert part in said
    assert said.isprintable() or "\x1b" not in said
    assert max(len(line) for line in said.splitlines()) < 200


def test_the_index_counts_and_not_the_working_tree(repo: Repository) -> None:
    started(repo)
    repo.add("a.py", f"t = '{token()}'\n")
    repo.write("a.py", "clean\n")
    assert repo.commit().returncode == 1
    repo.git("add", "a.py")
    repo.write("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 0


def test_commit_all_and_partial_commits_are_looked_at(repo: Repository) -> None:
    started(repo)
    repo.add("a.py", "one\n")
    repo.add("b.py", "two\n")
    assert repo.commit().returncode == 0
    repo.write("a.py", f"t = '{token()}'\n")
    repo.write("b.py", "three\n")
    assert repo.try_git("commit", "-q", "-m", "part", "b.py").returncode == 0
    assert repo.commit("all", "-a").returncode == 1


def test_a_partial_add_leaves_the_rest_alone(repo: Repository) -> None:
    started(repo)
    repo.add("a.py", "one\n" * 20)
    repo.commit()
    repo.add("a.py", "zero\n" + "one\n" * 20)
    repo.write("a.py", "zero\n" + "one\n" * 20 + f"t = '{token()}'\n")
    assert repo.commit().returncode == 0


def test_what_the_last_commit_holds_already_is_not_in_the_way(repo: Repository) -> None:
    started(repo)
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit("skip", LEAKFIRST_SKIP="1").returncode == 0
    repo.add("a.py", f"# moved\n\nt = '{token()}'\n")
    assert repo.commit().returncode == 0
    repo.git("mv", "a.py", "renamed.py")
    assert repo.commit().returncode == 0
    repo.add("renamed.py", f"t = '{token(2)}'\n")
    assert repo.commit().returncode == 1
    repo.git("checkout", "-q", "HEAD", "renamed.py")
    repo.add("copy.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1


def test_a_merge_is_asked_only_for_what_none_of_its_parents_has(repo: Repository) -> None:
    started(repo)
    repo.add("a.py", "base\n")
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.add("leak.py", f"t = '{token()}'\n")
    repo.add("a.py", "side\n")
    assert repo.commit("leak", "--no-verify").returncode == 0
    repo.git("checkout", "-q", "main")
    repo.add("a.py", "main\n")
    repo.commit()
    assert repo.try_git("merge", "-q", "side").returncode == 1
    repo.add("a.py", f"both\nt = '{token(2)}'\n")
    done = repo.commit("merge")
    assert done.returncode == 1
    assert "a.py:2" in done.stderr and "leak.py" not in done.stderr
    repo.add("a.py", "both\n")
    assert repo.commit("merge").returncode == 0


def test_an_automatic_merge_is_asked_only_for_what_none_of_its_parents_has(repo: Repository) -> None:
    started(repo)
    repo.git("checkout", "-q", "-b", "side")
    repo.add("side.py", f"t = '{token()}'\n")
    repo.commit("side", "--no-verify")
    repo.git("checkout", "-q", "main")
    repo.add("main.py", "x\n")
    repo.commit()
    hooks = repo.path / ".git" / "hooks"
    (hooks / "pre-merge-commit").write_bytes((hooks / "pre-commit").read_bytes())
    (hooks / "pre-merge-commit").chmod(0o755)
    done = repo.try_git("merge", "-q", "-m", "merge", "side")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["GITHEAD_" + "f" * 40, "GITHEAD_nothing"])
def test_a_parent_that_is_not_there_excuses_nothing(repo: Repository, name: str) -> None:
    started(repo)
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit(**{name: "side"}).returncode == 1


def test_a_replacement_of_a_staged_file_hides_nothing(repo: Repository) -> None:
    started(repo)
    repo.add("a.py", f"t = '{token()}'\n")
    repo.write("clean", "clean\n")
    clean = repo.git("hash-object", "-w", "clean").strip()
    repo.git("replace", repo.git("rev-parse", ":a.py").strip(), clean)
    assert repo.commit().returncode == 1


@pytest.mark.parametrize("is_linked", [False, True])
def test_in_a_folder_below_the_top_the_files_of_the_top_count(
    repo: Repository, tmp_path: Path, is_linked: bool
) -> None:
    repo.write("leakfirst.toml", '[[allow]]\npaths = ["app/known.py"]\n')
    repo.write("app/keep", "")
    repo.git("add", "-A")
    repo.commit("start", "--no-verify")
    top = repo.path
    if is_linked:
        top = tmp_path / "linked"
        repo.git("worktree", "add", "-q", str(top))
    hook = repo.path / ".git" / "hooks" / "pre-commit"
    hook.write_text(
        f"#!/bin/sh\ncd app && exec {sys.executable} -m leakfirst hook run pre-commit --config empty.toml\n"
    )
    here = Repository(top) if not is_linked else repo
    here.path = top
    here.write("app/empty.toml", "")
    here.add("app/known.py", f"t = '{token()}'\n")
    done = here.commit(PYTHONPATH=str(HOME))
    assert done.returncode == 0, done.stderr
    here.add("new.py", f"t = '{token()}'\n")
    assert here.commit(PYTHONPATH=str(HOME)).returncode == 1


@pytest.mark.parametrize("setting", ["diff.relative=true", "diff.noprefix=true", "diff.ignoreSubmodules=all"])
def test_settings_of_git_hide_nothing_below_the_top(repo: Repository, setting: str) -> None:
    started(repo)
    name, _, value = setting.partition("=")
    repo.git("config", name, value)
    repo.write("app/keep", "")
    repo.add("a.py", f"t = '{token()}'\n")
    done = leakfirst("hook", "run", "pre-commit", cwd=repo.path / "app")
    assert done.returncode == 1, done.stderr


def test_submodules_links_and_intent_to_add_are_no_trouble(repo: Repository, tmp_path: Path) -> None:
    started(repo)
    other = Repository(tmp_path / "other")
    other.add("x", "1\n")
    other.commit()
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.path), "sub")
    os.symlink("/etc/passwd", repo.path / "link")
    repo.git("add", "link")
    repo.write("later.py", f"t = '{token()}'\n")
    repo.git("add", "-N", "later.py")
    assert repo.commit().returncode == 0
    assert "later.py" not in repo.git("ls-tree", "-r", "--name-only", "HEAD")
    other.add("x", "2\n")
    other.commit()
    repo.git("-C", "sub", "pull", "-q")
    repo.git("add", "sub")
    assert repo.commit().returncode == 0


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
def test_any_name_is_found_and_shown_without_harm(repo: Repository) -> None:
    started(repo)
    for name in (b"with space.py", b"caf\xe9.py", b"esc\x1b[31m.py", b"new\nline.py"):
        repo.add(name, f"t = '{token()}'\n")
        done = repo.commit()
        assert done.returncode == 1, name
        assert "\x1b" not in done.stderr
        repo.git("rm", "-q", "--cached", "--", os.fsdecode(name))
    assert "caf\\xe9.py:1" in _refusal(repo, b"caf\xe9.py")


def _refusal(repo: Repository, name: bytes) -> str:
    repo.add(name, f"t = '{token()}'\n")
    return repo.commit().stderr


def test_what_an_lfs_pointer_stands_for_is_looked_at_where_it_is_here(repo: Repository) -> None:
    started(repo)
    digest = "ab" * 32
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 50\n"
    repo.add("big.bin", pointer)
    assert repo.commit().returncode == 0
    store = repo.path / ".git" / "lfs" / "objects" / "ab" / "ab"
    store.mkdir(parents=True)
    (store / digest).write_text(f"t = '{token()}'\n")
    repo.add("other.bin", pointer)
    assert repo.commit().returncode == 1


def test_deleting_and_emptying_need_no_engine(repo: Repository) -> None:
    started(repo)
    repo.git("rm", "-q", "README")
    assert repo.commit().returncode == 0
    assert repo.commit("empty", "--allow-empty").returncode == 0


def test_a_repository_with_sha256_works(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "new", "--object-format=sha256")
    repo.install("pre-commit")
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit().returncode == 1
    repo.add("a.py", "clean\n")
    assert repo.commit().returncode == 0


def test_a_linked_worktree_works(repo: Repository, tmp_path: Path) -> None:
    started(repo)
    repo.git("worktree", "add", "-q", "-b", "two", str(tmp_path / "two"))
    (tmp_path / "two" / "a.py").write_text(f"t = '{token()}'\n")
    assert repo.try_git("-C", str(tmp_path / "two"), "add", "a.py").returncode == 0
    assert repo.try_git("-C", str(tmp_path / "two"), "commit", "-qm", "x").returncode == 1
    assert "refused" in repo.trail


def test_skipping_is_possible_and_noted(repo: Repository) -> None:
    repo.add("a.py", f"t = '{token()}'\n")
    assert repo.commit("skip", LEAKFIRST_SKIP="1").returncode == 0
    assert '"event": "skipped"' in repo.trail


def test_a_mark_lets_the_line_through_and_only_that(repo: Repository) -> None:
    repo.add("a.py", f"t = '{token()}'  # leakfirst:allow sample\nu = '{token(2)}'\n")
    done = repo.commit()
    assert done.returncode == 1
    assert "a.py:2:6" in done.stderr and "a.py:1:6" not in done.stderr
    assert "1 finding set aside by leakfirst:allow in the file: a.py:1" in done.stderr
    repo.add("a.py", f"t = '{token()}'  # leakfirst:allow sample\n")
    assert repo.commit().returncode == 0


def test_an_allow_list_that_needs_the_line_is_asked(repo: Repository) -> None:
    repo.write("leakfirst.toml", '[[allow]]\nlines = ["# demo$"]\n')
    repo.add("a.py", f"t = '{token()}'  # demo\n")
    assert repo.commit().returncode == 0
    repo.add("b.py", f"t = '{token(2)}'  # real\n")
    assert repo.commit().returncode == 1


def test_a_thousand_files_are_looked_at_in_one_go(repo: Repository) -> None:
    for number in range(1000):
        repo.write(f"src/f{number}.py", f"x = {number}\n" * 50)
    repo.write("src/last.py", f"t = '{token()}'\n")
    repo.git("add", "src")
    done = repo.commit()
    assert done.returncode == 1 and "src/last.py:1" in done.stderr


HEAVY = (
    "argparse", "structlog", "rich", "numpy", "git", "hvac", "boto3", "httpx", "dataclasses", "tomllib", "subprocess",
    "logging", "pathlib", "sqlite3", "multiprocessing", "regex", "json",
)  # fmt: skip


@pytest.mark.parametrize("clean", [True, False])
def test_the_hook_imports_nothing_heavy(repo: Repository, clean: bool) -> None:
    """A commit that is refused may need `regex` and `json`; nothing else is ever needed."""
    repo.add("a.py", "x = 1\n" if clean else f"t = '{token()}'\n")
    code = (
        "import sys, os; from leakfirst._program import main; code = main(['hook', 'run', 'pre-commit']);"
        "print(code, *(name for name in sys.argv[1:] if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *HEAVY],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HOME), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == (["0"] if clean else ["1", "regex", "json"])


def test_a_broken_rule_file_refuses_with_one_line(repo: Repository, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[[rule]]\nid = 3\n")
    repo.add("a.py", "x\n")
    done = leakfirst("hook", "run", "pre-commit", "--patterns", str(bad), cwd=repo.path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "bad.toml" in done.stderr


def test_a_token_in_the_name_of_its_file_is_neither_said_nor_noted(repo: Repository) -> None:
    repo.add(f"dump_{token()}.txt", f"t = '{token()}'\n")
    done = repo.commit()
    assert done.returncode == 1
    assert "dump_ghp_\N{HORIZONTAL ELLIPSIS}" in done.stderr
    assert "Then git add the files, and commit again." in done.stderr
    assert '"path": "dump_ghp_' in repo.trail
    assert token() not in done.stderr + done.stdout + repo.trail


def test_a_token_that_was_there_before_is_not_said_as_the_name_of_a_file(repo: Repository) -> None:
    repo.add("old.py", f"t = '{token(2)}'\n")
    repo.commit("anyway", "--no-verify")
    repo.add("old.py", f"t = '{token(2)}'  # again\n")
    repo.add(f"{token(2)}.py", f"t = '{token()}'\n")
    done = repo.commit()
    assert done.returncode == 1
    assert token(2) not in done.stderr + repo.trail


def test_a_token_in_the_name_of_a_new_file_is_found_and_in_a_known_name_is_not(repo: Repository) -> None:
    repo.add(f"dump_{token()}.txt", "")
    assert repo.commit().returncode == 1
    assert repo.commit("anyway", "--no-verify").returncode == 0
    repo.add(f"dump_{token()}.txt", "more\n")
    assert repo.commit().returncode == 0
