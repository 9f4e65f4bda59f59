"""`leakfirst scan` as a program: exit codes, one-line errors, where things are written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from detector.rules.shapes import expand
from tests import program

TOKEN = expand("ghp_{alnum:30}{check:github-crc32}", 31)


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return program.run(*words, cwd=cwd, **environment)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "app.env").write_text(f"GITHUB_TOKEN={TOKEN}\n")
    return tmp_path


def test_found_is_1_clean_is_0_and_exit_zero_is_0(folder: Path, tmp_path: Path) -> None:
    assert run("scan", ".", cwd=folder).returncode == 1
    assert run("scan", "--exit-zero", ".", cwd=folder).returncode == 0
    (folder / "app.env").write_text("GITHUB_TOKEN=\n")
    assert run("scan", ".", cwd=folder).returncode == 0


def test_the_severity_that_fails_is_chosen(folder: Path) -> None:
    (folder / "app.env").unlink()
    (folder / "tests").mkdir()
    (folder / "tests" / "test_a.py").write_text("db_password = '" + "q7Zt" * 2 + "vK93bQ'\n")
    done = run("scan", ".", cwd=folder)
    assert done.returncode == 0
    assert "tests/test_a.py:1:16" in done.stdout and "0 fail (--fail-on medium)" in done.stdout
    assert run("scan", "--fail-on", "low", ".", cwd=folder).returncode == 1
    os.mkfifo(folder / "pipe")
    assert run("scan", ".", "pipe", cwd=folder).returncode == 3, "what was not read is another question"
    (folder / "pipe").unlink()
    done = run("scan", "--fail-on", "low", "--severity", "high", ".", cwd=folder)
    assert done.returncode == 1 and "1 finding not shown, as filtered" in done.stdout


def test_what_could_not_be_read_is_3_and_never_clean(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    done = run("scan", "pipe", cwd=folder)
    assert done.returncode == 3
    assert "is a pipe" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scan", "nowhere"], "nowhere: no such file or folder"),
        (["scan", "--format", "word"], "unknown format 'word'; known: "),
        (["scan", "--report", "json"], "write FORMAT=FILE"),
        (["scan", "--only", "nothing.*"], "no rule fits 'nothing.*'; see `leakfirst rules list`"),
        (["scan", "--skip", "githb.*"], "no rule fits 'githb.*'"),
        (["scan", "--only", "aws.acess-key,github.*", "--skip", "gitlb.*"], "no rule fits 'aws.acess-key', 'gitlb.*'"),
        (["scan", "--only", "github.*", "--skip", "github.*"], "no rule is left"),
        (["scan", "--rotate", "plan"], "--rotate needs --verify"),
        (["scan", "--staged", "--since", "x"], "cannot be combined"),
        (["scan", "--no-worktree", "."], ".: --no-worktree is for the top of a git repository"),
        (["scan", "--no-worktree", "nowhere"], "nowhere: no such file or folder"),
        (["scan", "--no-history", "--no-worktree", "."], "leave nothing to look at"),
        (["scan", "--patterns", "no.toml"], "no.toml: cannot be read"),
        (["scan", "--output", "no/such/folder/x"], "cannot be written"),
        (["scan", "--since", "nonsense", "."], "not a git repository"),
        (["frobnicate"], "unknown command 'frobnicate'; known: "),
    ],
)
def test_wrong_usage_is_2_and_one_line(folder: Path, words: list[str], says: str) -> None:
    done = run(*words, cwd=folder, GIT_CEILING_DIRECTORIES=str(folder.parent))
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("leakfirst: ")
    assert says in line


def test_a_mistyped_revision_is_wrong_usage_and_one_that_some_lack_is_a_gap(folder: Path) -> None:
    for name in ("r1", "r2"):
        (folder / name).mkdir()
        for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Begin"]):
            subprocess.run(["git", *words], cwd=folder / name, check=True)
    subprocess.run(["git", "tag", "v1"], cwd=folder / "r1", check=True)
    for words, says in [
        (["--since", "nope", "r1"], "--since nope: no such revision in r1"),
        (["--range", "a..b", "r1", "r2"], "--range a..b: no such revision in r1, r2"),
        (["--since=-x", "r1"], "--since -x: no such revision in r1"),
    ]:
        done = run("scan", *words, cwd=folder)
        assert (done.returncode, done.stderr) == (2, f"leakfirst: {says}\n")
    assert run("scan", "--since", "v1", "r1", cwd=folder).returncode == 0
    done = run("scan", "--since", "v1", "r2", "r1", cwd=folder)
    assert done.returncode == 3 and "--since v1: no such revision" in done.stdout


def test_a_broken_rule_is_named_by_file_and_line(folder: Path) -> None:
    (folder / "mine.toml").write_text('\n[[rule]]\nid = "x.y"\nfinds = "x"\nanchors = ["abcd"]\npattern = "(abcd["\n')
    done = run("scan", "--patterns", "mine.toml", ".", cwd=folder)
    assert done.returncode == 2
    assert "mine.toml:6: x.y: pattern is not a valid regular expression" in done.stderr


def test_several_reports_at_once(folder: Path) -> None:
    done = run("scan", "--report", "json=out.json", "--report", "sarif=out.sarif", "app.env", cwd=folder)
    assert done.returncode == 1
    assert json.loads((folder / "out.json").read_text())["findings"][0]["rule"] == "github.pat-classic"
    assert json.loads((folder / "out.sarif").read_text())["version"] == "2.1.0"


def test_a_reader_that_goes_away_is_no_traceback(folder: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m detector scan --format json . | head -c 10",
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        env=program.environment(),
    )
    assert "Traceback" not in done.stderr


def test_version_and_help_are_quick_to_import(tmp_path: Path) -> None:
    code = "import sys; from leakfirst._program import main; main(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=program.environment())
    loaded = set(done.stdout.split())
    assert not loaded & {"argparse", "regex", "hyperscan", "rich", "structlog", "numpy", "tomllib", "git"}


def test_a_bug_tells_no_values(folder: Path) -> None:
    code = (
        "import sys; from detector.scan import pipeline\n"
        "def broken(*_): raise ValueError('holds ' + open('app.env').read())\n"
        "pipeline.scan = broken\n"
        "sys.argv = ['leakfirst', 'scan', '.']\n"
        "from leakfirst._program import run; run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=program.environment()
    )
    assert done.returncode == 70
    assert "this is a bug in leakfirst" in done.stderr
    assert TOKEN not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no file that is always full")
@pytest.mark.parametrize("words", [("scan", "."), ("scan", "--format", "json", "."), ("rules", "list"), ("--help",)])
def test_a_full_disk_behind_standard_output_is_one_line_and_2(words: tuple[str, ...], folder: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "detector", *words],
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=program.environment(),
        )
    assert done.returncode == 2
    assert done.stderr == "leakfirst: the report cannot be written: No space left on device\n"
