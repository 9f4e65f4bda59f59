"""The files for people who meet the project: workflows, templates, changelog, and what is public."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import leakfirst
from detector.rules.shapes import expand
from tests.program import CHECKOUT

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))
SCHEMAS = {
    **dict.fromkeys(WORKFLOWS, "vendor.github-workflows"),
    **dict.fromkeys((CHECKOUT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"), "vendor.github-issue-forms"),
    CHECKOUT / ".github" / "ISSUE_TEMPLATE" / "config.yml": "vendor.github-issue-config",
    CHECKOUT / ".github" / "dependabot.yml": "vendor.dependabot",
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a tool that stands beside this Python, or on the path."""
    beside = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    program = shutil.which(words[0], path=beside)
    if program is None:
        pytest.skip(f"{words[0]} is not installed")
    return subprocess.run([program, *words[1:]], cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_what_github_reads_is_valid(path: Path) -> None:
    done = run("check-jsonschema", "--builtin-schema", SCHEMAS[path], str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_nothing() -> None:
    done = run("actionlint", *map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_action_of_others_is_pinned_by_commit() -> None:
    files = [
        *WORKFLOWS,
        CHECKOUT / "action.yml",
        *(CHECKOUT / "docs").rglob("*.yml"),
        *(CHECKOUT / "docs").glob("*.md"),
    ]
    used = [
        (path.name, *found.groups())
        for path in files
        for found in re.finditer(r"^[ -]*uses: (\S+)(?: # (\S+))?", path.read_text(), re.MULTILINE)
    ]
    others = [(name, action, version) for name, action, version in used if not action.startswith(("./", "leakfirst/"))]
    assert len(others) > 15
    for name, action, version in others:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), f"{name}: {action}"
        assert re.fullmatch(r"v\d+\.\d+\.\d+", version or ""), f"{name}: {action} does not say its version"
    pins = {(action.partition("@")[0], action) for _, action, _ in others}
    assert len(pins) == len({name for name, _ in pins}), "one action is pinned to two commits"


def test_no_workflow_keeps_a_token_or_takes_more_than_it_needs() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            for step in job.get("steps", ()):
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False


def test_the_supported_versions_of_python_are_tested_and_built() -> None:
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    matrix = yaml.safe_load((CHECKOUT / ".github/workflows/tests.yml").read_text())["jobs"]["matrix"]["strategy"][
        "matrix"
    ]
    assert matrix["python"] == supported
    assert PROJECT["tool"]["cibuildwheel"]["build"] == [f"cp{version.replace('.', '')}-*" for version in supported]
    assert PROJECT["project"]["requires-python"] == f">={supported[0]}"


def test_the_configuration_of_pre_commit_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path))
    done = run("pre-commit", "validate-config", ".pre-commit-config.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_fragment_of_the_changelog_has_a_category_and_lists_changes() -> None:
    categories = "|".join(entry["directory"] for entry in PROJECT["tool"]["towncrier"]["type"])
    fragments = [
        path for path in (CHECKOUT / "changelog.d").iterdir() if path.name not in ("README.md", "template.md.jinja")
    ]
    for path in fragments:
        assert re.fullmatch(rf"\+[a-z0-9-]+\.(?:{categories})\.md", path.name), f"{path.name}: see CONTRIBUTING.md"
        assert all(line.startswith(("- ", "  ")) for line in path.read_text().splitlines()), path.name


def test_the_changelog_can_be_built() -> None:
    done = run("towncrier", "build", "--draft", "--version", leakfirst.__version__)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"## {leakfirst.__version__}" in done.stdout


@pytest.mark.parametrize(
    "name", ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md", "docs/versions.md"]
)
def test_links_of_the_pages_for_contributors_lead_somewhere(name: str) -> None:
    page = CHECKOUT / name
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_what_is_public_is_documented() -> None:
    page = (CHECKOUT / "docs" / "versions.md").read_text()
    assert not [name for name in leakfirst.__all__ if f"`{name}`" not in page]


def test_the_files_that_the_recipes_name_exist() -> None:
    recipes = (CHECKOUT / "CONTRIBUTING.md").read_text().partition("## Add one")[2].partition("## Releases")[0]
    named = {
        name for name in re.findall(r"`([\w./-]+\.(?:py|toml|md)|[\w/]+/)`", recipes) if "<" not in name and "/" in name
    }
    assert len(named) > 15
    assert not [name for name in sorted(named) if not (CHECKOUT / name).exists()]


RECIPES = [CHECKOUT / "action.yml", CHECKOUT / "Dockerfile", *sorted((CHECKOUT / "docs" / "ci").iterdir())]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_no_recipe_imports_from_the_checkout_or_installs_by_name(path: Path) -> None:
    """``python -m`` imports from the current folder first, and the name on PyPI is not ours yet."""
    text = path.read_text()
    assert not re.findall(r"python[0-9.]* +(?!-I)-", text)
    assert not re.findall(r"pip3? +install", text)
    assert not re.findall(r"\.venv|\.leakfirst/", text), "what is installed in the workspace is scanned too"


def test_what_is_installed_has_a_version_and_a_hash() -> None:
    for name in ("build", "scan", "respond"):
        text = (CHECKOUT / "lock" / f"{name}.txt").read_text().replace("\\\n", "")
        rows = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        assert len(rows) > 3
        for row in rows:
            assert re.match(r"[\w.-]+==[\w.!+-]+ ", row), row[:80]
            assert " --hash=sha256:" in row, row[:80]
    locked = set(re.findall(r"(?m)^([\w.-]+)==", (CHECKOUT / "lock" / "scan.txt").read_text()))
    needed = [re.split(r"[\[<>=~; ]", one)[0].lower() for one in PROJECT["project"]["dependencies"]]
    assert set(needed) <= locked
    assert {"sqlalchemy", "alembic"} <= locked, "the image runs sweeps"


@pytest.mark.parametrize("name", ["scan", "respond"])
def test_what_the_build_needs_is_locked(name: str) -> None:
    texts = [(CHECKOUT / "lock" / f"{file}.txt").read_text() for file in ("build", name)]
    locked = set(re.findall(r"(?m)^([\w.-]+)==", "\n".join(texts)))
    assert {re.split(r"[\[<>=~; ]", one)[0] for one in PROJECT["build-system"]["requires"]} <= locked


def test_installing_in_the_checkout_of_a_pull_request_runs_nothing_of_it(tmp_path: Path) -> None:
    planted = tmp_path / "checkout"
    planted.mkdir()
    for name in ("venv", "pip", "ensurepip", "setuptools", "site", "sitecustomize"):
        (planted / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PYTHON": sys.executable}
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTHONP")}
    done = subprocess.run(
        ["sh", str(CHECKOUT / "install.sh"), str(tmp_path / "made")],
        cwd=planted, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "no matching distribution found" in done.stderr.lower(), "it comes as far as installing"
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("LEAKFIRST_INSTALL"), reason="takes minutes and asks PyPI: LEAKFIRST_INSTALL=1")
@pytest.mark.timeout(1800)
def test_what_the_documents_give_for_installing_installs(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONP")}
    made = tmp_path / "made"
    done = subprocess.run(
        ["sh", str(CHECKOUT / "install.sh"), str(made)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    program = Path(done.stdout.strip()) / "leakfirst"
    (tmp_path / "a.py").write_text(f"t = '{expand('ghp_{alnum:30}{check:github-crc32}', 3)}'\n")
    environment |= {"LEAKFIRST_CACHE": str(tmp_path / "cache"), "LEAKFIRST_CONFIG": os.devnull}
    found = subprocess.run([program, "scan", "a.py"], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert found.returncode == 1
    swept = subprocess.run(
        [program, "sweep", "--help"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert swept.returncode == 0


def test_the_images_that_ours_is_built_from_are_pinned_and_kept_up_to_date() -> None:
    images = re.findall(r"(?m)^FROM (\S+)", (CHECKOUT / "Dockerfile").read_text())
    assert images and all(re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image) for image in images)
    updates = yaml.safe_load((CHECKOUT / ".github" / "dependabot.yml").read_text())["updates"]
    assert "docker" in {update["package-ecosystem"] for update in updates}


def test_each_promise_names_code_and_a_test_that_exist() -> None:
    rows = [line for line in (CHECKOUT / "docs/security.md").read_text().splitlines() if line.startswith("| ")]
    for row in (row for row in rows if "Enforced in" not in row):
        _, promise, code, test, _ = row.split("|")
        paths = [*re.findall(r"`([\w./]+)`", code), *re.findall(r"`([\w./]+)`", test)]
        assert any(path.startswith("tests/") for path in paths), f"names no test: {promise}"
        assert not [path for path in paths if not (CHECKOUT / path).exists()], promise
