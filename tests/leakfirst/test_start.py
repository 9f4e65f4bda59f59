"""Nothing that lies in the scanned repository, or in a folder of PYTHONPATH, runs in place of our packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.core import install
from leakfirst import _start
from tests.hooks.world import Repository, token
from tests.program import environment

PLANTED = ("hooks", "rotators", "patterns", "detector", "regex", "yaml")
"""Packages that a repository may have; of some of them we have our own, some we depend on."""

ENTRIES = {
    "the console script": ["-c", "from leakfirst._start import run; run()"],
    "python -m leakfirst": ["-m", "leakfirst"],
    "python -m detector": ["-m", "detector"],
}


def run(
    entry: list[str], *words: str, cwd: Path, path: str = "", options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Start the program by *entry*, with *path* in PYTHONPATH before the folder of leakfirst."""
    searched = os.pathsep.join(filter(None, [path, _start.HOME]))
    return subprocess.run(
        [sys.executable, *options, *entry, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": searched},
        capture_output=True,
        text=True,
        check=False,
    )


def plant(folder: Path, *names: str) -> None:
    """Write packages that say so when they are imported."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for module in ("__init__", "__main__", "pre_commit", "errors"):
            (folder / name / f"{module}.py").write_text("print('PLANTED')\ndef main(_): return 0\n")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.add("app.py", f"key = '{token()}'\n")
    return made


@pytest.mark.parametrize("path", ["", ".", "sub/.."])
@pytest.mark.parametrize("name", ENTRIES)
def test_packages_of_the_current_directory_are_not_imported(repository: Repository, name: str, path: str) -> None:
    planted = PLANTED if name != "python -m detector" else tuple(p for p in PLANTED if p != "detector")
    (repository.path / "sub").mkdir()
    plant(repository.path, *planted)
    for words in (("hook", "run", "pre-commit"), ("scan", "--no-history", "app.py")):
        done = run(ENTRIES[name], *words, cwd=repository.path, path=path)
        assert "PLANTED" not in done.stdout + done.stderr
        assert done.returncode == 1, done.stderr
        assert "github.pat-classic" in done.stdout + done.stderr or "GitHub" in done.stderr


def test_folders_within_the_current_directory_are_not_searched(repository: Repository) -> None:
    plant(repository.path / "src", *PLANTED)
    done = run(ENTRIES["the console script"], "hook", "run", "pre-commit", cwd=repository.path, path="src")
    assert "PLANTED" not in done.stdout + done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("package", ["hooks", "rotators", "detector"])
@pytest.mark.parametrize("name", ENTRIES)
def test_a_package_from_elsewhere_is_refused_in_one_line(
    repository: Repository, tmp_path: Path, name: str, package: str
) -> None:
    if name == "python -m detector" and package == "detector":
        pytest.skip("Python was asked for that very package")
    plant(tmp_path / "other", package)
    done = run(ENTRIES[name], "hook", "run", "pre-commit", cwd=repository.path, path=str(tmp_path / "other"))
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"leakfirst: the package '{package}' is found in {tmp_path / 'other' / package}, but must")


def test_a_module_in_place_of_a_package_is_refused(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text("print('PLANTED')\n")
    done = run(ENTRIES["python -m leakfirst"], "scan", ".", cwd=repository.path, path=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"'hooks' is found in {tmp_path}, but" in done.stderr


def test_a_folder_without_init_hides_nothing(repository: Repository, tmp_path: Path) -> None:
    """A namespace package counts only where no package of that name is found."""
    (tmp_path / "other" / "hooks").mkdir(parents=True)
    done = run(
        ENTRIES["the console script"], "hook", "run", "pre-commit", cwd=repository.path, path=str(tmp_path / "other")
    )
    assert done.returncode == 1


def copied(folder: Path, *names: str) -> Path:
    """Return a folder with a copy of some of our packages; no more of them than a start needs."""
    for name in names:
        shutil.copytree(
            Path(_start.HOME, name), folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.toml")
        )
    return folder


def test_an_incomplete_installation_is_refused(tmp_path: Path) -> None:
    home = copied(tmp_path / "home", "leakfirst", "detector", "hooks")
    started = [sys.executable, "-S", "-m", "leakfirst", "--version"]
    for missing, said in (("rotators", "'rotators' is not found"), ("patterns", "holds no folder 'patterns'")):
        done = subprocess.run(
            started, env={**os.environ, "PYTHONPATH": str(home)}, cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert said in done.stderr
        copied(home, missing)


def test_a_link_to_the_installation_is_the_installation(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(_start.HOME)
    done = subprocess.run(
        [sys.executable, "-m", "leakfirst", "--version"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'link'}{os.pathsep}{_start.HOME}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_zip_archive_is_refused(tmp_path: Path) -> None:
    home = copied(tmp_path / "home", "leakfirst", "detector", "hooks", "rotators", "patterns")
    archive = shutil.make_archive(str(tmp_path / "leakfirst"), "zip", home)
    done = subprocess.run(
        [sys.executable, "-m", "leakfirst", "--version"],
        env={**os.environ, "PYTHONPATH": archive},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "not as a zip archive" in done.stderr


def test_an_installed_hook_imports_nothing_of_the_repository(repository: Repository) -> None:
    repository.install()
    plant(repository.path, *PLANTED, "leakfirst", "os", "json")
    done = repository.commit(PYTHONPATH=".")
    assert done.returncode == 1
    assert "PLANTED" not in done.stdout + done.stderr
    assert "commit refused" in done.stderr


def test_the_script_of_a_hook_refuses_foreign_packages(tmp_path: Path) -> None:
    """Where the folder that it names has lost our packages, a later folder may hold others of these names."""
    home = copied(tmp_path / "home", "leakfirst", "detector")
    plant(tmp_path / "other", "hooks", "rotators")
    code = install.build_start_code("pre-commit", [])
    names = f"import sys; sys.path += [{str(home)!r}, {str(tmp_path / 'other')!r}]; "
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", names + code.partition("; ")[2].partition("; ")[2]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "'hooks' is found in" in done.stderr


def test_the_library_refuses_foreign_packages_before_they_run(tmp_path: Path) -> None:
    plant(tmp_path, "detector")
    done = run(["-c", "import leakfirst; leakfirst.scan"], cwd=tmp_path, path=str(tmp_path))
    assert done.returncode == 1
    assert "PLANTED" not in done.stdout
    assert "ForeignPackageError: the package 'detector' is found in" in done.stderr.splitlines()[-1]


def test_the_check_imports_nothing() -> None:
    code = "import sys, os, leakfirst._start as s; a = set(sys.modules); s._prepare(); print(*set(sys.modules) - a)"
    done = run(["-c", code], cwd=Path(os.sep), options=("-S",))
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_directory_that_was_removed_is_no_obstacle(tmp_path: Path) -> None:
    code = f"import os; os.rmdir({str(tmp_path / 'gone')!r}); from leakfirst._start import run; run()"
    (tmp_path / "gone").mkdir()
    done = run(["-c", code], "--version", cwd=tmp_path / "gone")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("content", ["clean", "token"])
def test_a_closed_stream_changes_neither_the_exit_code_nor_a_file(tmp_path: Path, closed: str, content: str) -> None:
    (tmp_path / "a.py").write_text("x\n" if content == "clean" else f"t = '{token()}'\n")
    words = f"'{sys.executable}' -P -m leakfirst scan --report json=out.json --report text=- --state state.bin a.py"
    done = subprocess.run(
        f"{words} {closed}", shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if content == "clean" else 1), done.stderr
    assert "Traceback" not in done.stderr and "bug in leakfirst" not in done.stderr
    assert len(json.loads((tmp_path / "out.json").read_text())["findings"]) == done.returncode


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize("reader", ["| :", "> /dev/full"])
def test_a_reader_that_goes_away_loses_no_other_report(tmp_path: Path, reader: str) -> None:
    (tmp_path / "a.py").write_text("x\n" * 10)
    words = f"'{sys.executable}' -P -m leakfirst scan --report text=- --report json=out.json a.py"
    script = f"{{ {words}; echo $? > code; }} {reader}"
    subprocess.run(script, shell=True, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert (tmp_path / "code").read_text() == ("0\n" if reader == "| :" else "2\n")
    assert json.loads((tmp_path / "out.json").read_text())["complete"]
