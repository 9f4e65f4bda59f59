"""In a pipeline only what is new is looked at, and each host gets the report that it reads."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.ci import choose_ignores, choose_reports, split_reports
from hooks.core.commits import NewCommits
from hooks.core.hosts import HostFacts
from tests.hooks.world import ROOT, Repository, leakfirst, token

QUIET = {"GITHUB_STEP_SUMMARY": "", "GITHUB_ACTIONS": "", "GITLAB_CI": "", "GITHUB_EVENT_PATH": ""}


def test_each_host_gets_its_report() -> None:
    assert "github=-" in choose_reports({"GITHUB_ACTIONS": "true"})
    assert "gitlab=gl-secret-detection-report.json" in choose_reports({"GITLAB_CI": "true"})
    assert "junit=leakfirst-junit.xml" in choose_reports({})


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.add("old.py", f"t = '{token(1)}'\n")
    made.commit()
    made.git("tag", "base")
    made.add("new.py", "x = 1\n")
    made.commit()
    return made


def test_only_what_is_new_counts(repo: Repository) -> None:
    done = leakfirst("hook", "run", "ci", cwd=repo.path, LEAKFIRST_BASE="base", **QUIET)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (repo.path / "leakfirst-junit.xml").exists()
    repo.add("new.py", f"t = '{token(2)}'\n")
    repo.commit()
    done = leakfirst("hook", "run", "ci", "--format", "json", cwd=repo.path, LEAKFIRST_BASE="base", **QUIET)
    assert done.returncode == 1
    (found,) = json.loads(done.stdout)["findings"]
    assert found["locations"][0]["path"] == "new.py"


@pytest.mark.parametrize("base", ["", "f" * 40, "--all"])
def test_without_a_base_everything_is_scanned_and_that_is_printed(repo: Repository, base: str) -> None:
    done = leakfirst("hook", "run", "ci", cwd=repo.path, LEAKFIRST_BASE=base, **QUIET)
    assert done.returncode == 1 and "scanning everything" in done.stderr


def test_everything_is_what_the_branch_has_and_not_other_branches_or_the_workspace(repo: Repository) -> None:
    repo.git("checkout", "-q", "--orphan", "other")
    repo.git("rm", "-q", "-r", "-f", ".")
    repo.write("untracked.py", f"t = '{token(3)}'\n")
    repo.git("commit", "-q", "--allow-empty", "-m", "empty")
    done = leakfirst("hook", "run", "ci", cwd=repo.path, **QUIET)
    assert done.returncode == 0, done.stdout


def count_results(path: Path) -> int:
    return sum(len(run["results"]) for run in json.loads(path.read_text())["runs"])


def push(repo: Repository, before: str) -> tuple[int, str]:
    """Run what action.yml runs for a push to main."""
    event = repo.path.parent / "event.json"
    event.write_text(json.dumps({"before": before, "repository": {"default_branch": "main"}}))
    environment = {**QUIET, "GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(event), "GITHUB_REF_NAME": "main"}
    words = ("--report", "sarif=out.sarif", "--report", "text=-")
    done = leakfirst("hook", "run", "ci", *words, cwd=repo.path, **environment)
    return done.returncode, done.stdout + done.stderr


def test_the_sarif_of_a_push_is_the_state_of_the_branch_and_the_exit_code_is_about_the_push(repo: Repository) -> None:
    sarif = repo.path / "out.sarif"
    repo.add("new.py", f"t = '{token(2)}'\n")
    repo.commit()
    assert push(repo, "HEAD^")[0] == 1 and count_results(sarif) == 2
    repo.git("rm", "-q", "new.py")
    repo.commit("removed, but it stays in the history")
    code, said = push(repo, "HEAD^")
    assert code == 0 and "No credentials found" in said and count_results(sarif) == 2
    repo.git("checkout", "-q", "-b", "topic", "base")
    repo.add("topic.py", f"t = '{token(4)}'\n")
    repo.commit()
    repo.git("checkout", "-q", "main")
    assert push(repo, "HEAD^")[0] == 0 and count_results(sarif) == 2


def test_no_sarif_is_written_that_would_close_alerts(repo: Repository, tmp_path: Path) -> None:
    made = Repository(tmp_path / "shallow")
    made.git("fetch", "-q", "--depth=1", f"file://{repo.path}", "main")
    made.git("reset", "-q", "--hard", "FETCH_HEAD")
    made.write("out.sarif", "{}")
    code, said = push(made, "HEAD")
    assert code == 3 and "is not written" in said and "fetch-depth: 0" in said
    assert not (made.path / "out.sarif").exists()


def test_options_of_reports_are_told_from_others() -> None:
    words = ["--quiet", "--report", "sarif=a", "-o", "b", "--baseline", "x", "--report=json=c"]
    assert split_reports(words).asked == [("text", "b"), ("sarif", "a"), ("json", "c")]
    assert split_reports(words).rest == ["--quiet", "--baseline", "x"]


def test_the_gitlab_report_is_written(repo: Repository) -> None:
    environment = {**QUIET, "GITLAB_CI": "true", "CI_COMMIT_BEFORE_SHA": ""}
    assert leakfirst("hook", "run", "ci", cwd=repo.path, **environment).returncode == 1
    report = json.loads((repo.path / "gl-secret-detection-report.json").read_text())
    assert report["vulnerabilities"]


BIN = os.path.dirname(sys.executable)


def checked(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(words[0], path=os.pathsep.join((BIN, os.environ["PATH"])))
    if program is None:
        pytest.skip(f"{words[0]} is not installed")
    return subprocess.run([program, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.github-actions", "action.yml"),
        *(
            ("vendor.github-workflows", str(path.relative_to(ROOT)))
            for path in sorted(ROOT.glob("docs/ci/*github.yml"))
        ),
        *(("vendor.gitlab-ci", str(path.relative_to(ROOT))) for path in sorted(ROOT.glob("docs/ci/*gitlab.yml"))),
        ("vendor.circle-ci", "docs/ci/circleci.yml"),
    ],
)
def test_what_hosts_read_has_the_form_that_they_expect(schema: str, path: str) -> None:
    done = checked("check-jsonschema", "--builtin-schema", schema, path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifest_for_pre_commit_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path))
    done = checked("pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "new", "told", "chosen"),
    [
        ([], NewCommits("abc..HEAD ^def"), HostFacts("abc"), ["--ignores-from", "abc"]),
        ([], NewCommits("abc..HEAD"), HostFacts("abc", is_default=True), []),
        ([], NewCommits(why="too shallow"), HostFacts("abc"), ["--no-repository-ignores"]),
        ([], NewCommits("abc..HEAD", rules="def"), HostFacts("abc", default="o/main"), ["--ignores-from", "def"]),
        ([], NewCommits("abc..HEAD"), HostFacts("abc", default="o/main"), ["--no-repository-ignores"]),
        ([], NewCommits(why="no base is known"), HostFacts(), []),
        (["--ignores-from=v1"], NewCommits("abc..HEAD"), HostFacts("abc"), []),
        (["--no-repository-ignores"], NewCommits("abc..HEAD"), HostFacts("abc"), []),
    ],
)
def test_the_ignore_files_of_the_base_count(
    options: list[str], new: NewCommits, told: HostFacts, chosen: list[str]
) -> None:
    assert choose_ignores(options, new, told) == chosen


def test_marks_in_a_change_count_only_if_the_operator_says_so(repo: Repository) -> None:
    repo.add("new.py", f"t = '{token(2)}'  # leakfirst:allow\n")
    repo.commit()
    run = ("hook", "run", "ci", "--report", "text=-", "--report", "sarif=x.sarif")
    refused = leakfirst(*run, cwd=repo.path, LEAKFIRST_BASE="base", **QUIET)
    assert refused.returncode == 1 and "1 inline mark does not count" in refused.stdout
    # In the state of the branch, marks of old lines must not open alerts in every change.
    assert token(2)[:8] not in (repo.path / "x.sarif").read_text()
    obeyed = leakfirst(*run, "--inline-marks", cwd=repo.path, LEAKFIRST_BASE="base", **QUIET)
    assert obeyed.returncode == 0 and "1 finding set aside by leakfirst:allow in the file: new.py:1" in obeyed.stdout


def test_a_token_in_the_name_of_a_file_that_a_change_brings_is_found(repo: Repository) -> None:
    repo.git("mv", "new.py", f"{token(2)}.py")
    repo.commit()
    assert leakfirst("hook", "run", "ci", cwd=repo.path, LEAKFIRST_BASE="base", **QUIET).returncode == 1


def test_who_pushes_twice_does_not_silence_the_second_push(repo: Repository, tmp_path: Path) -> None:
    clone = Repository(tmp_path / "clone")
    clone.git("pull", "-q", str(repo.path), "main")
    clone.git("remote", "add", "origin", str(repo.path))
    clone.git("checkout", "-q", "-b", "topic")
    clone.add(".leakfirstignore", "**\n")
    clone.commit("first push")
    clone.add("new.py", f"t = '{token(2)}'\n")
    clone.commit("second push")
    before, after = clone.git("rev-parse", "HEAD~1", "HEAD").split()
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"before": before, "after": after, "repository": {"default_branch": "main"}}))
    pushed = {**QUIET, "GITHUB_EVENT_PATH": str(event), "GITHUB_REF_NAME": "topic"}
    done = leakfirst("hook", "run", "ci", cwd=clone.path, **pushed)
    assert done.returncode == 1 and "scanning 1 new commit" in done.stderr
    clone.git("remote", "set-url", "origin", str(tmp_path / "gone"))
    clone.git("update-ref", "-d", "refs/remotes/origin/main")
    assert leakfirst("hook", "run", "ci", cwd=clone.path, **pushed).returncode == 1


def test_a_push_that_is_not_checked_out_does_not_pass_and_nothing_new_is_said(repo: Repository, tmp_path: Path) -> None:
    base, head = repo.git("rev-parse", "HEAD~1", "HEAD").split()
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"before": base, "after": head, "repository": {"default_branch": "main"}}))
    pushed = {**QUIET, "GITHUB_EVENT_PATH": str(event), "GITHUB_REF_NAME": "main"}
    assert leakfirst("hook", "run", "ci", cwd=repo.path, **pushed).returncode == 0
    repo.git("checkout", "-q", "--detach", base)
    done = leakfirst("hook", "run", "ci", cwd=repo.path, **pushed)
    assert done.returncode == 3 and "nothing is scanned" in done.stderr and "not checked out here" in done.stderr
