"""What each command imports: packages that nobody asked for cost every start, and base commands need no extra.

Counted are modules outside of the standard library: figures that are the same on every machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import environment

COUNT = """
import sys
extras = set(sys.argv[1].split())
for name in extras:
    sys.modules[name] = None  # as if it were not installed
from leakfirst._program import main
code = main(sys.argv[2:])
loaded = [name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names and name not in extras]
print(code, file=sys.stderr)
print(*sorted(loaded), file=sys.stderr)
"""

EXTRAS = (
    "sqlalchemy alembic dask distributed httpx boto3 hvac psycopg pymysql pymongo redis asyncssh zstandard py7zr nacl"
)

BUDGETS = {
    ("--version",): 8,
    ("rules", "list"): 66,
    ("hook", "run", "pre-commit"): 68,
    ("agents", "hook", "claude-code"): 75,
    ("scan", "--no-history", "--jobs", "1", "."): 117,
    ("scan", "--jobs", "1", "."): 216,  # 86 of them are numpy, with which the objects of a history are planned
    ("verify", "--help"): 24,
}
"""The most modules that each command may load where there is nothing to find."""

EVENT = '{"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_response": {"stdout": "nothing"}}'
"""What an agent tells a hook; other commands read no input."""

FORBIDDEN = {
    "--version": {"detector.model", "hyperscan", "regex"},
    "hook": {"numpy", "regex", "rich", "git", "yaml", "structlog"},
    "agents": {"numpy", "regex", "rich", "git", "yaml", "structlog", "subprocess", "sqlite3"},
    "--no-history": {"numpy", "regex", "sqlite3", "yaml", "git", "rich"},
}


def load(repository: Path, words: tuple[str, ...]) -> tuple[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", COUNT, EXTRAS, *words],
        cwd=repository, env=environment(), capture_output=True, text=True, check=False, input=EVENT,
    )  # fmt: skip
    code, names = done.stderr.splitlines()[-2:]
    return code, names.split()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("nothing\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "b.txt").write_text("nothing more\n")
    subprocess.run(["git", "add", "b.txt"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("words", BUDGETS, ids=" ".join)
def test_a_command_loads_no_more_than_it_needs(words: tuple[str, ...], repository: Path) -> None:
    load(repository, words)  # compile the rules, if this is a checkout
    code, loaded = load(repository, words)
    assert code == "0"
    for word, names in FORBIDDEN.items():
        if word in words:
            assert not names & set(loaded)
    assert len(loaded) <= BUDGETS[words], loaded


@pytest.mark.parametrize("words", [("sweep", "status"), ("respond", "status")], ids=" ".join)
def test_a_command_that_needs_an_extra_names_it(words: tuple[str, ...], repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT, EXTRAS, *words],
        cwd=repository, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "needs sqlalchemy: install leakfirst with the extra sweep" in done.stderr
    assert done.stderr.splitlines()[-2] == "2"
