"""In a pipeline only what is new is looked at, and each host gets the report that it reads."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.ci import choose_reports, find_base
from tests.hooks.world import ROOT, Repository, leakfirst, token

ZERO = "0" * 40
QUIET = {"GITHUB_STEP_SUMMARY": "", "GITHUB_ACTIONS": "", "GITLAB_CI": "", "GITHUB_EVENT_PATH": ""}


def event(folder: Path, content: dict[str, object]) -> dict[str, str]:
    path = folder / "event.json"
    path.write_text(json.dumps(content))
    return {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path), "GITHUB_REF_NAME": "topic"}


@pytest.mark.parametrize(
    ("content", "base"),
    [
        ({"pull_request": {"base": {"sha": "b" * 40}}}, "b" * 40),
        ({"merge_group": {"base_sha": "c" * 40}}, "c" * 40),
        ({"before": "d" * 40}, "d" * 40),
        ({"before": ZERO, "repository": {"default_branch": "trunk"}}, "refs/remotes/origin/trunk"),
        ({"schedule": "0 0 * * *"}, ""),
    ],
)
def test_github_tells_it_in_an_event(tmp_path: Path, content: dict[str, object], base: str) -> None:
    assert find_base(event(tmp_path, content)) == base


@pytest.mark.parametrize(
    ("environment", "base"),
    [
        ({}, ""),
        ({"LEAKFIRST_BASE": "v1", "CI_COMMIT_BEFORE_SHA": "a" * 40}, "v1"),
        ({"CI_MERGE_REQUEST_DIFF_BASE_SHA": "a" * 40, "CI_COMMIT_BEFORE_SHA": ZERO}, "a" * 40),
        (
            {"CI_COMMIT_BEFORE_SHA": ZERO, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "x"},
            "refs/remotes/origin/main",
        ),
        ({"CI_COMMIT_BEFORE_SHA": ZERO, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "main"}, ""),
        ({"GIT_PREVIOUS_SUCCESSFUL_COMMIT": "a" * 40}, "a" * 40),
        ({"GIT_PREVIOUS_SUCCESSFUL_COMMIT": "a" * 40, "CHANGE_TARGET": "main"}, "refs/remotes/origin/main"),
        ({"SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"}, "refs/remotes/origin/main"),
    ],
)
def test_other_hosts_tell_it_in_variables(environment: dict[str, str], base: str) -> None:
    assert find_base(environment) == base


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
