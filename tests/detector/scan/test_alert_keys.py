"""Alerts have the same names on every machine and after every edit."""

import json
import shutil
from pathlib import Path

import pytest

from tests.hooks.world import Repository, leakfirst, token


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.add("start", "x\n")
    made.commit()
    made.add("a.py", f"t = '{token()}'\n")
    made.commit()
    return made


def read_names(path: Path, home: str, kind: str, *words: str) -> list[str]:
    folder = path.parent / home
    folder.mkdir(exist_ok=True)
    done = leakfirst("scan", "--format", kind, *words, cwd=path, LEAKFIRST_HOME=str(folder))
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    if kind == "gitlab":
        return sorted(one["id"] for one in report["vulnerabilities"])
    return sorted(json.dumps(one["partialFingerprints"]) for one in report["runs"][0]["results"])


@pytest.mark.parametrize("kind", ["sarif", "gitlab"])
def test_machines_edits_baselines_ranges_and_folders_change_no_name(
    repo: Repository, tmp_path: Path, kind: str
) -> None:
    first = read_names(repo.path, "one", kind)
    assert len(first) == 1
    assert first == read_names(repo.path, "two", kind)
    assert first == read_names(repo.path, "one", kind, "--range", "HEAD~1..HEAD")
    assert first == read_names(repo.path, "one", kind, "--no-history")
    assert first == read_names(repo.path.parent, "one", kind, "repo")
    copy = tmp_path / "elsewhere" / "checkout"
    shutil.copytree(repo.path, copy)
    assert first == read_names(copy, "one", kind, str(copy))
    repo.add("a.py", f"# a line more\n\nt = '{token()}'  # and a remark\n")
    repo.commit()
    repo.add("b.py", f"t = '{token(2)}'\n")
    repo.write("leakfirst.toml", "")
    assert leakfirst("baseline", "create", "--reason", "known", "b.py", cwd=repo.path).returncode == 0
    repo.git("add", "-A")
    repo.commit()
    assert set(first) <= set(read_names(repo.path, "three", kind))


def test_a_shallow_clone_and_a_folder_have_names_without_the_value(repo: Repository, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth=1", f"file://{repo.path}", str(shallow))
    plain = tmp_path / "plain"
    plain.mkdir()
    shutil.copy(repo.path / "a.py", plain)
    first = read_names(shallow, "one", "sarif", "--no-history")
    assert first == read_names(shallow, "two", "sarif", "--no-history") == read_names(plain, "one", "sarif")
    assert first != read_names(repo.path, "one", "sarif", "--no-history")
