"""The scan step of each recipe, run as it stands, against clones as the hosts make them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.hooks.world import ROOT, Repository, token
from tests.program import environment

CLONES = {"full": [], "shallow": ["--depth=1"], "blobless": ["--filter=blob:none"]}
FOLDERS = ("/opt/leakfirst", "~/leakfirst", "$WORKSPACE_TMP/leakfirst", "$AGENT_TEMPDIRECTORY/leakfirst")


def read_step(name: str) -> str:
    """Return the command of a recipe that scans."""
    if name == "action.yml":
        steps = yaml.safe_load((ROOT / name).read_text())["runs"]["steps"]
        return str(next(step["run"] for step in steps if step.get("id") == "scan"))
    text = (ROOT / "docs" / "ci" / name).read_text()
    line = next(line.strip() for line in text.splitlines() if "hook run ci" in line)
    return re.sub(r"^(- (bash: )?|command: )", "", line).strip("'")


@pytest.fixture
def server(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "server")
    made.git("config", "uploadpack.allowFilter", "true")
    made.add("old.py", f"t = '{token(1)}'\nx = 1\n")
    made.commit()
    made.git("checkout", "-q", "-b", "topic")
    made.add("old.py", f"t = '{token(1)}'\nx = 2\n")
    made.commit()
    return made


def run_step(server: Repository, name: str, kind: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = server.path.parent / "job"
    clone = folder / "work"
    program = folder / "leakfirst" / "bin" / "leakfirst"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m leakfirst "$@"\n')
    program.chmod(0o755)
    server.git("clone", "-q", *CLONES[kind], "-b", "topic", f"file://{server.path}", str(clone))
    step = read_step(name)
    for place in FOLDERS:
        step = step.replace(f"{place}/bin", f"{folder}/leakfirst/bin")
    base, head = server.git("rev-parse", "main", "topic").split()
    event = folder / "event.json"
    event.write_text(json.dumps({"pull_request": {"base": {"sha": base, "ref": "main"}, "head": {"sha": head}}}))
    told = {
        "action.yml": {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(event), "RUNNER_TEMP": str(folder)},
        "gitlab.yml": {"GITLAB_CI": "true", "CI_MERGE_REQUEST_DIFF_BASE_SHA": base},
        "Jenkinsfile": {"JENKINS_URL": "x", "CHANGE_TARGET": "main"},
        "circleci.yml": {"CIRCLECI": "true", "LEAKFIRST_BASE": base},
        "azure-pipelines.yml": {"TF_BUILD": "True", "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"},
        "bitbucket-pipelines.yml": {"BITBUCKET_BUILD_NUMBER": "1", "BITBUCKET_PR_DESTINATION_COMMIT": base},
    }
    hosts = {name for values in told.values() for name in values}
    kept = {key: value for key, value in environment().items() if key not in hosts}
    more = {"GITHUB_OUTPUT": str(folder / "output"), "LEAKFIRST_ARGUMENTS": "--quiet\n", "GITHUB_STEP_SUMMARY": ""}
    more |= {"AGENT_TEMPDIRECTORY": str(folder), "WORKSPACE_TMP": str(folder)}
    done = subprocess.run(
        ["bash", "-e", "-c", step],
        cwd=clone,
        env={**kept, **more, **told[name]},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, folder


RECIPES = ("action.yml", "gitlab.yml", "Jenkinsfile", "circleci.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml")


@pytest.mark.skipif(os.name != "posix", reason="the steps are for a POSIX shell")
@pytest.mark.parametrize("kind", CLONES)
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_finds_what_is_new_in_each_clone(server: Repository, name: str, kind: str) -> None:
    server.add("new.py", f"t = '{token(2)}'\n")
    server.commit()
    done, folder = run_step(server, name, kind)
    assert done.returncode == 1, done.stdout + done.stderr
    if name != "gitlab.yml":
        assert "new.py" in done.stdout and "old.py" not in done.stdout
    if name == "action.yml":
        sarif = (folder / "output").read_text().strip().removeprefix("sarif=")
        (run,) = json.loads(Path(sarif).read_text())["runs"]
        assert len(run["results"]) == 2 and not (folder / "work" / "leakfirst.sarif").exists()


@pytest.mark.skipif(os.name != "posix", reason="the steps are for a POSIX shell")
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_passes_a_clean_change(server: Repository, name: str) -> None:
    done, _ = run_step(server, name, "blobless")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_repository_calls_our_sarif_is_not_uploaded() -> None:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    (upload,) = [step for step in steps if "upload-sarif" in step.get("uses", "")]
    assert upload["with"]["sarif_file"] == "${{ steps.scan.outputs.sarif }}" and "fork" in upload["if"]
    (python,) = [step for step in steps if "setup-python" in step.get("uses", "")]
    assert python["with"]["update-environment"] is False
