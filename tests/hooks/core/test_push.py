"""The hooks for pushes, on both sides, run by the real git."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.hooks.world import Repository, leakfirst, token


class Pair:
    """A repository and the bare one that it pushes to."""

    def __init__(self, folder: Path) -> None:
        self.server = Repository(folder / "server.git", "--bare")
        self.here = Repository(folder / "here")
        self.here.git("remote", "add", "origin", str(self.server.path))

    def change(self, name: str, text: str, message: str = "change") -> None:
        self.here.add(name, text)
        assert self.here.commit(message, "--no-verify").returncode == 0

    def push(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.here.try_git("push", "-q", "origin", *(words or ("HEAD",)), **environment)

    def objects(self) -> set[str]:
        listed = self.server.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", "--unordered")
        loose = self.server.path / "objects"
        return set(listed.split()) | {p.name for p in loose.rglob("*") if "tmp" in p.name}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    made = Pair(tmp_path)
    made.change("README", "hello\n")
    assert made.push("HEAD").returncode == 0
    return made


def test_pre_push_catches_what_no_verify_let_through(pair: Pair) -> None:
    pair.here.install()
    pair.here.add("a.py", f"t = '{token()}'\n")
    assert pair.here.commit().returncode == 1
    assert pair.here.commit("anyway", "--no-verify").returncode == 0
    done = pair.push()
    assert done.returncode == 1
    commit = pair.here.git("rev-parse", "HEAD").strip()
    for part in ("push refused", "a.py:1:6", commit[:12], "git commit --amend", "git rebase -i"):
        assert part in done.stderr
    assert token() not in done.stderr + pair.here.trail
    refused = [json.loads(line) for line in pair.here.trail.splitlines()][-1]
    assert refused["hook"] == "pre-push" and refused["findings"][0]["commit"] == commit
    pair.here.git("reset", "-q", "--hard", "HEAD~1")
    pair.change("a.py", "clean\n")
    assert pair.push().returncode == 0


def test_pre_push_looks_only_at_what_is_new_to_the_remote(pair: Pair) -> None:
    pair.change("old.py", f"t = '{token()}'\n")
    assert pair.push().returncode == 0
    pair.here.install("pre-push")
    pair.change("old.py", f"# more\nt = '{token()}'\n")
    assert pair.push().returncode == 0
    assert pair.push("HEAD:refs/heads/another").returncode == 0


def test_pre_push_sees_a_value_that_a_later_commit_took_away(pair: Pair) -> None:
    pair.here.install("pre-push")
    pair.change("a.py", f"t = '{token()}'\n")
    pair.change("a.py", "clean\n")
    assert pair.push().returncode == 1


def test_pre_push_looks_at_messages_and_tags(pair: Pair) -> None:
    pair.here.install("pre-push")
    pair.change("a.py", "x\n", f"use {token()} for now")
    assert pair.push().returncode == 1
    pair.here.git("commit", "-q", "--amend", "-m", "fine")
    pair.here.git("tag", "-a", "v1", "-m", f"released with {token(2)}")
    assert pair.push("HEAD").returncode == 0
    assert pair.push("v1").returncode == 1


def test_pre_push_lets_deletions_pass_and_notes_what_is_skipped(pair: Pair) -> None:
    pair.push("HEAD:refs/heads/side")
    pair.here.install("pre-push")
    assert pair.push(":refs/heads/side").returncode == 0
    pair.change("a.py", f"t = '{token()}'\n")
    assert pair.push("HEAD", LEAKFIRST_SKIP="1").returncode == 0
    assert '"event": "skipped"' in pair.here.trail


def test_pre_receive_refuses_and_leaves_no_object_behind(pair: Pair) -> None:
    pair.server.install()
    before = pair.objects()
    pair.change("a.py", f"t = '{token()}'\n")
    done = pair.push()
    assert done.returncode == 1
    assert "remote: leakfirst: push refused" in done.stderr and "a.py:1:6" in done.stderr
    assert token() not in done.stderr + pair.server.trail
    assert pair.objects() == before
    assert json.loads(pair.server.trail)["event"] == "refused"
    pair.here.git("reset", "-q", "--hard", "HEAD~1")
    pair.change("a.py", "clean\n")
    assert pair.push().returncode == 0


def test_pre_receive_looks_at_new_branches_forced_pushes_and_many_refs(pair: Pair) -> None:
    pair.server.install()
    refs = []
    for number in range(60):
        pair.change(f"f{number}.py", f"x = {number}\n")
        refs.append(f"HEAD~{number}:refs/heads/b{number}")
    assert pair.push(*refs[:30]).returncode == 0
    pair.here.git("checkout", "-q", "--orphan", "fresh")
    pair.change("g.py", f"t = '{token()}'\n")
    assert pair.push("HEAD:refs/heads/fresh", "main:refs/heads/main").returncode == 1
    assert pair.push("+HEAD:refs/heads/b0").returncode == 1
    pair.change("g.py", "clean\n")
    pair.here.git("reset", "-q", "--soft", "HEAD~1")
    pair.here.git("commit", "-q", "--no-verify", "--amend", "-m", "clean")
    assert pair.push("+HEAD:refs/heads/b0").returncode == 0


def test_pre_receive_takes_a_branch_at_a_known_commit_without_looking_again(pair: Pair) -> None:
    pair.change("old.py", f"t = '{token()}'\n")
    assert pair.push().returncode == 0
    pair.server.install()
    assert pair.push("HEAD:refs/heads/release").returncode == 0


def test_pre_receive_looks_into_tags_of_trees_and_files(pair: Pair) -> None:
    pair.server.install()
    pair.here.write("a.py", f"t = '{token()}'\n")
    blob = pair.here.git("hash-object", "-w", "a.py").strip()
    assert pair.push(f"{blob}:refs/tags/file").returncode == 1
    pair.here.git("tag", "-a", "-m", "a file", "annotated", blob)
    assert pair.push("annotated").returncode == 1


def test_pre_receive_obeys_the_baseline_of_the_default_branch_alone(pair: Pair) -> None:
    pair.server.install()
    assert pair.push().returncode == 0
    pair.here.write("a.py", f"t = '{token()}'\n")
    made = leakfirst("baseline", "create", "--reason", "sample of the docs", cwd=pair.here.path)
    assert made.returncode == 0, made.stderr
    pair.here.git("add", ".leakfirst.baseline")
    pair.here.commit("baseline alone", "--no-verify")
    told = pair.push()
    assert told.returncode == 0
    assert "this push changes .leakfirst.baseline" in told.stderr
    assert "ignore files changed" in pair.server.trail
    pair.here.git("add", "-A")
    pair.here.commit("what it knows", "--no-verify")
    told = pair.push()
    assert told.returncode == 0
    assert "1 finding set aside by .leakfirst.baseline: sample of the docs" in told.stderr
    noted = json.loads(pair.server.trail.splitlines()[-1])
    assert noted["event"] == "passed" and "sample of the docs" in noted["ignored"][0]["by"]
    pair.change("b.py", f"t = '{token(2)}'\n")
    assert pair.push().returncode == 1


@pytest.mark.parametrize("name", [".leakfirstignore", ".gitleaksignore", "leakfirst.toml"])
def test_pre_receive_does_not_obey_what_is_pushed(pair: Pair, name: str) -> None:
    content = {"leakfirst.toml": "[[allow]]\npaths = ['**']\n", ".gitleaksignore": "a.py:github-pat:1\n"}
    pair.server.install()
    pair.here.write(name, content.get(name, "**\n"))
    pair.here.git("add", name)
    pair.change("a.py", f"t = '{token()}'\n")
    for branch in ("HEAD:refs/heads/main", "HEAD:refs/heads/mine"):
        told = pair.push(branch)
        assert told.returncode == 1
        assert f"this push changes {name}" in told.stderr


MARKS = ("leakfirst:allow", "gitleaks:allow", "trufflehog:ignore", "pragma: allowlist secret")


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_in_what_is_pushed_counts_only_if_the_operator_says_so_and_is_told(pair: Pair, mark: str) -> None:
    pair.server.install()
    pair.change("a.py", f"t = '{token()}'  # {mark}\n")
    commit = pair.here.git("rev-parse", "HEAD")[:12]
    told = pair.push()
    assert told.returncode == 1
    assert "1 inline mark does not count" in told.stderr and f"at a.py:1 in commit {commit}" in told.stderr
    pair.server.install("pre-receive", "--inline-marks")
    told = pair.push()
    assert told.returncode == 0
    assert "1 finding set aside by" in told.stderr and f"in the file: a.py:1 in commit {commit}" in told.stderr


def test_a_developer_may_refuse_marks_in_his_own_hooks(pair: Pair) -> None:
    pair.here.install("--no-inline-marks")
    pair.here.add("a.py", f"t = '{token()}'  # leakfirst:allow\n")
    assert pair.here.commit().returncode == 1
    assert pair.here.commit("anyway", "--no-verify").returncode == 0
    assert pair.push().returncode == 1
    pair.here.install("--inline-marks")
    assert pair.push().returncode == 0


@pytest.mark.parametrize(
    "given", ["", "\n", "refs/heads/main\n", f"{'0' * 40} {'1' * 40}\n", f"x {'1' * 40} refs/heads/a\n"]
)
def test_pre_receive_that_is_told_nothing_refuses(pair: Pair, given: str) -> None:
    pair.server.install()
    done = leakfirst("hook", "run", "pre-receive", cwd=pair.server.path, given=given)
    assert done.returncode == 3 and "does not say what is pushed" in done.stderr


def test_who_pushes_to_a_folder_cannot_skip_the_check_with_his_environment(pair: Pair) -> None:
    pair.server.install()
    pair.change("a.py", f"t = '{token()}'\n")
    refused = pair.push("HEAD", LEAKFIRST_SKIP="1")
    assert refused.returncode == 1 and "LEAKFIRST_SKIP has no effect here" in refused.stderr
    pair.server.git("config", "leakfirst.allowSkip", "true")
    assert pair.push("HEAD", LEAKFIRST_SKIP="1").returncode == 0


@pytest.mark.parametrize("side", ["pre-push", "pre-receive"])
def test_tokens_in_names_are_found(pair: Pair, side: str) -> None:
    (pair.server if side == "pre-receive" else pair.here).install(side)
    for name in (f"dump_{token()}.txt", f"{token()}/a.txt"):
        pair.change(name, "")
        refused = pair.push()
        assert refused.returncode == 1 and token() not in refused.stderr.replace(f"-> {token()}", "")
        pair.here.git("reset", "-q", "--hard", "HEAD~1")
    for ref in (f"refs/heads/fix-{token()}", f"refs/tags/{token()}"):
        refused = pair.push(f"HEAD:{ref}")
        assert refused.returncode == 1 and "Give another name to refs/" in refused.stderr
    pair.here.git("tag", "-a", "-m", f"with {token()}", "inner")
    pair.here.git("tag", "-a", "-m", "outer", "outer", pair.here.git("rev-parse", "inner").strip())
    pair.here.git("tag", "-d", "inner")
    assert pair.push("outer").returncode == 1
    assert pair.push("HEAD:refs/heads/fine").returncode == 0


def test_an_operator_can_refuse_to_obey_the_repository(pair: Pair) -> None:
    pair.server.install("pre-receive", "--no-repository-ignores")
    pair.here.write(".leakfirstignore", "*.py\n")
    pair.change("a.py", f"t = '{token()}'\n")
    assert pair.push().returncode == 1


def test_a_push_option_skips_only_where_that_is_allowed(pair: Pair) -> None:
    pair.server.install()
    pair.server.git("config", "receive.advertisePushOptions", "true")
    pair.change("a.py", f"t = '{token()}'\n")
    option = ("-o", "leakfirst.skip=revoked already", "HEAD")
    assert pair.push(*option).returncode == 1
    pair.server.git("config", "leakfirst.allowSkip", "true")
    assert pair.push(*option).returncode == 0
    assert "allowed: revoked already" in pair.server.trail


def test_a_token_in_names_of_files_and_tags_is_neither_said_nor_noted(pair: Pair) -> None:
    pair.here.install()
    pair.server.install()
    pair.change(f"dump_{token()}.txt", f"t = '{token()}'\n")
    pair.here.git("tag", "-am", "a tag", f"v_{token()}")
    refs = "HEAD", f"refs/tags/v_{token()}"
    for words, place in ((refs, pair.here), (("--no-verify", *refs), pair.server)):
        done = pair.push(*words)
        assert done.returncode != 0
        assert "dump_ghp_\N{HORIZONTAL ELLIPSIS}" in done.stderr
        assert "refs/tags/v_ghp_" in place.trail
        ours = [line for line in done.stderr.splitlines() if " ! [" not in line and "error: failed" not in line]
        assert token() not in "".join(ours) + place.trail


def test_what_is_not_severe_enough_is_told_and_refuses_nothing(pair: Pair) -> None:
    pair.server.install()
    pair.change("tests/fixtures/settings.py", "password = 'Tr0ub4dor-9xK2q7Zw'\n")
    told = pair.push("HEAD:refs/heads/mine")
    assert told.returncode == 0 and "not severe enough to refuse" in told.stderr
    assert "tests/fixtures/settings.py:1" in told.stderr and "Tr0ub4dor" not in told.stderr + pair.server.trail
    (recorded,) = json.loads(pair.server.trail.splitlines()[-1])["mild"]
    assert recorded["severity"] == "low"
    pair.server.git("update-ref", "-d", "refs/heads/mine")
    pair.server.install("pre-receive", "--fail-on", "low")
    assert pair.push().returncode == 1
    pair.server.install("pre-receive", "--fail-on", "critical")
    pair.change("key.py", f"t = '{token()}'\n")
    assert pair.push().returncode == 1
    wrong = leakfirst("hook", "run", "pre-receive", "--fail-on", "worst", cwd=pair.server.path)
    assert wrong.returncode == 2 and "--fail-on must be one of info, low" in wrong.stderr
