from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from detector.model import Location, Origin
from detector.reports._options import ReportOptions
from detector.reports._where import describe_source, format_command, format_where
from tests.detector.git.building import Built

HERE = ReportOptions(target=".")


def at(kind: str, path: str, **origin: str | None) -> Location:
    return Location(Origin(kind, path, **origin), 0, 1, 3, 5, 3, 9)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["a.py", "a b.py", "it's.py", "$(touch x).py", "-n", "`id`;ls", "d/ü.py", "a\nb.py", "\x1b[2J"]
)
def test_the_command_prints_the_file_and_does_nothing_else(tmp_path: Path, name: str) -> None:
    built = Built(tmp_path / "repo")
    commit = built.commit(name, b"the content\n")
    blob = built.git("rev-parse", f"HEAD:{name}")
    command = format_command(at("blob", name, object_id=blob, commit=commit), HERE)
    done = subprocess.run(["sh", "-c", command], cwd=built.path, capture_output=True, text=True, check=True)
    assert done.stdout == "the content\n"
    assert command.isprintable()
    assert not (built.path / "x").exists()


def test_a_commit_message_is_printed_too(tmp_path: Path) -> None:
    built = Built(tmp_path / "my repo")
    commit = built.commit("a", b"", "the message")
    options = ReportOptions(target="my repo")
    command = format_command(at("commit", "", object_id=commit, commit=commit, repository="my repo"), options)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "the message" in done.stdout


def test_no_command_is_made_of_what_is_no_object_here() -> None:
    for place in (
        at("blob", "a", object_id="1" * 40, commit="2" * 40, repository="https://example.org/a.git"),
        at("archive", "a.zip!b", object_id="1" * 40, commit="2" * 40),
        at("blob", "a", object_id="1; rm", commit="2" * 40),
        at("worktree", "a"),
    ):
        assert not format_command(place, HERE)
        assert format_where(place, HERE).endswith(":3:5")


def test_the_source_says_what_the_place_does_not() -> None:
    old = at("blob", "a", object_id="1" * 40, commit="2" * 40, author="Ada", when="2025-01-31T10:00:00Z")
    assert format_where(old, HERE) == "git show 222222222222:a  line 3"
    assert describe_source(old, HERE) == "2025-01-31 Ada"
    far = old._replace(origin=old.origin._replace(repository="https://x.example/a.git"))
    assert describe_source(far, HERE) == "2222222222 2025-01-31 Ada, in https://x.example/a.git"
