"""Specifications, lists in files, folders of clones."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import Entry, Options, entries, kind_of
from detector.fleet.inventory._names import Refused, entry_for_url, plain_url
from detector.model import Skipped
from detector.registry import load, names
from tests.fakes.git_server import git, repository


def test_every_kind_lists_a_place() -> None:
    found = names("detector.fleet.inventory")
    assert set(found) == {"file", "folder", "gitea", "github", "gitlab", "repository"}
    for name in found:
        assert callable(load("detector.fleet.inventory", name, what="inventory").entries)


def test_a_specification_may_leave_out_its_kind(tmp_path: Path) -> None:
    bare = repository(tmp_path, "a.git")
    listed = tmp_path / "list"
    listed.write_text("")
    assert kind_of(str(tmp_path)) == ("folder", str(tmp_path))
    assert kind_of(str(bare)) == ("repository", str(bare))
    assert kind_of(str(listed)) == ("file", str(listed))
    assert kind_of(f"file://{bare}") == ("repository", f"file://{bare}")
    assert kind_of("git@example.org:a/b.git") == ("repository", "git@example.org:a/b.git")


@pytest.mark.parametrize("kind", ["", "folder:"])
def test_a_folder_that_is_not_mounted_does_not_end_the_others(tmp_path: Path, kind: str) -> None:
    bare = repository(tmp_path, "a.git")
    missing, found = entries([f"{kind}{tmp_path}/gone", str(bare)])
    assert missing == Skipped(f"{tmp_path}/gone", "no such folder")
    assert isinstance(found, Entry)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("gopher:acme", "unknown inventory 'gopher'; known: file, folder"),
        ("no/such/place", "no such file, folder or inventory"),
        ("", "names no inventory"),
        ("github:", "name what to list"),
        ("file:no-such-list", "cannot be read"),
        ("folder:no-such-folder", "no such folder"),
        ("ext::sh -c id", "ext"),
        ("https://ann:pw@example.org/a", "carries a user or password"),
    ],
)
def test_what_means_nothing_is_a_usage_error_before_anything_is_asked(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as told:
        entries([spec])
    assert "pw" not in str(told.value)


def test_a_folder_of_clones_is_searched_at_any_depth(tmp_path: Path, ls: Callable) -> None:
    root = tmp_path / "srv"
    repository(root, "bare.git")
    repository(root, "team/deep/app.git")
    (root / "work" / "inner").mkdir(parents=True)
    git(root / "work", "init", "--quiet", "tree")
    git(root / "work" / "tree", "init", "--quiet", "vendored")
    (root / "link.git").symlink_to(repository(tmp_path, "elsewhere.git"))
    (root / "loop").symlink_to(root)
    found, skipped = ls(f"folder:{root}")
    assert not skipped
    assert {e.name for e in found} == {"bare", "team/deep/app", "work/tree", "../elsewhere"} and len(found) == 4
    assert all(e.local and e.key == e.url == os.path.realpath(e.url) for e in found)


def test_a_list_holds_urls_and_paths_and_says_which_lines_it_cannot_use(tmp_path: Path, ls: Callable) -> None:
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


def test_a_list_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("https://git.example.org/a/b\n"))
    assert [e.name for e in entries(["file:-"]) if isinstance(e, Entry)] == ["a/b"]


def test_a_repository_that_two_specifications_list_comes_once(tmp_path: Path) -> None:
    bare = repository(tmp_path, "a.git")
    assert len(list(entries([str(bare), f"folder:{tmp_path}"], Options()))) == 1


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    true = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return true(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert list(entries([str(tmp_path)])) == [Skipped(f"{tmp_path}/closed", "cannot be read (Permission denied)")]


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "ext::sh", "ftp://h/x", "https://h", "https://h/", "https://-h/x", "https://h/a/../b", "https://h/%2e%2e/b",
        "https://h:99999/x", "https://[::1/x", "https://h/x y", "https://h/x\n", "ssh://-oX/x", "-oX:x", "ssh://-l@h/x",
        "https://h/x#y", "https://h/" + "a" * 3000, "http://token@h/x", "transport::https://h/x", "https://h\u202e/x",
    ],
)  # fmt: skip
def test_a_url_that_is_more_or_less_than_one_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        plain_url(text)


def test_one_repository_has_one_key_however_its_url_is_written() -> None:
    written = ("https://h.org/a/b", "https://H.org:443/a/b.git", "HTTPS://h.org/a/b/")
    assert {entry_for_url(url).key for url in written} == {"https://h.org/a/b"}
