"""A list of repositories in a file."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.fleet.inventory import RepositoryEntry, list_repositories
from tests.fakes.git_server import repository


def test_a_list_contains_urls_and_paths_and_invalid_lines_are_reported(tmp_path: Path, ls: Callable) -> None:
    repository(tmp_path, "here.git")
    (tmp_path / "list").write_text(
        f"""# ours
https://git.example.org/team/app.git   # the app
https://GIT.example.org:443/team/app
git@git.example.org:team/tool.git

here.git
file://{tmp_path}/here.git
ext::sh -c id
https://ann:secretword@git.example.org/x
gone.git
-u./x
"""
    )
    found, skipped = ls(str(tmp_path / "list"))
    assert [(e.key, e.name) for e in found] == [
        ("https://git.example.org/team/app", "team/app"),
        ("ssh://git.example.org/team/tool", "team/tool"),
        (str(tmp_path / "here.git"), f"{tmp_path.name}/here"),
    ]
    assert [skip.where.rpartition(":")[2] for skip in skipped] == ["8", "9", "10", "11"]
    assert not any("secretword" in skip.reason for skip in skipped)


def test_a_list_can_be_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("https://git.example.org/a/b\n"))
    assert [e.name for e in list_repositories(["file:-"]) if isinstance(e, RepositoryEntry)] == ["a/b"]
