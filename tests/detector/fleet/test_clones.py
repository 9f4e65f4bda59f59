"""Bare clones that are kept up to date and lose nothing."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.errors import SourceError
from detector.fleet.clones import KEPT, Clones, Unreachable
from detector.fleet.inventory import Entry
from detector.fleet.inventory._plain import entry_for_path, entry_for_url
from tests.fakes.git_server import GitServer, commit, git, git_server, remove, repository

pytestmark = pytest.mark.net


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    root = tmp_path / "served"
    root.mkdir()
    with git_server(root) as served:
        yield served


@pytest.fixture
def clones(tmp_path: Path) -> Clones:
    return Clones(str(tmp_path / "clones"), patience=0.2)


def entry(server: GitServer, name: str) -> Entry:
    return entry_for_url(f"{server.url}/{name}")


def refs(path: str) -> dict[str, str]:
    lines = git(Path(path), "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def test_a_clone_has_every_ref_and_no_remote(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "team/app.git")
    commit(bare, "work/one", a="1")
    git(bare, "tag", "-a", "v1", "-m", "one", "main")
    git(bare, "update-ref", "refs/notes/commits", "main")
    made = clones.refresh(entry(server, "team/app.git"))
    assert made.changed
    assert refs(made.path) == refs(str(bare))
    assert Path(made.path, "HEAD").read_text() == "ref: refs/heads/main\n"
    assert "remote" not in Path(made.path, "config").read_text()
    assert not Path(made.path, "hooks").exists()


def test_the_second_refresh_has_nothing_to_do_and_the_third_brings_what_is_new(
    server: GitServer, clones: Clones
) -> None:
    bare = repository(server.root, "app.git")
    first = clones.refresh(entry(server, "app.git"))
    second = clones.refresh(entry(server, "app.git"))
    assert (second.changed, second.refs) == (False, first.refs)
    new = commit(bare, b="2")
    third = clones.refresh(entry(server, "app.git"))
    assert third.changed and third.refs != first.refs
    assert refs(third.path) == {"refs/heads/main": new}


def test_what_a_force_push_or_a_deleted_branch_leaves_behind_is_kept(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    side = commit(bare, "side", leak="x")
    old = commit(bare, leak="y")
    clones.refresh(entry(server, "app.git"))
    new = commit(bare, root=True, clean="z")
    git(bare, "update-ref", "-d", "refs/heads/side")
    made = clones.refresh(entry(server, "app.git"))
    assert refs(made.path) == {"refs/heads/main": new, KEPT + old: old, KEPT + side: side}
    assert git(Path(made.path), "cat-file", "-p", f"{old}:leak") == "y"


def test_a_branch_takes_the_place_of_a_folder_of_branches(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    commit(bare, "a", one="1")
    clones.refresh(entry(server, "app.git"))
    git(bare, "update-ref", "-d", "refs/heads/a")
    commit(bare, "a/b", two="2")
    made = clones.refresh(entry(server, "app.git"))
    assert "refs/heads/a/b" in refs(made.path)


def test_pull_requests_come_on_request(server: GitServer, clones: Clones, tmp_path: Path) -> None:
    bare = repository(server.root, "app.git")
    for ref in ("refs/pull/1/head", "refs/pull/1/merge", "refs/merge-requests/2/head"):
        git(bare, "update-ref", ref, "main")
    assert set(refs(clones.refresh(entry(server, "app.git")).path)) == {"refs/heads/main"}
    all_of_it = Clones(str(tmp_path / "more"), pulls=True).refresh(entry(server, "app.git"))
    assert set(refs(all_of_it.path)) == {"refs/heads/main", "refs/pull/1/head", "refs/merge-requests/2/head"}


def test_a_server_cannot_write_into_what_is_kept(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    git(bare, "update-ref", KEPT + "0" * 40, "main")
    assert set(refs(clones.refresh(entry(server, "app.git")).path)) == {"refs/heads/main"}


def test_a_deleted_repository_keeps_its_clone_and_says_so(server: GitServer, clones: Clones) -> None:
    repository(server.root, "app.git")
    made = clones.refresh(entry(server, "app.git"))
    remove(server.root, "app.git")
    with pytest.raises(Unreachable, match=r"app: .*not found.*the clone from before is kept") as told:
        clones.refresh(entry(server, "app.git"))
    assert told.value.missing and told.value.clone == made._replace(changed=False)
    assert pickle.loads(pickle.dumps(told.value)).clone == told.value.clone


def test_a_repository_that_was_never_there_leaves_nothing(server: GitServer, clones: Clones) -> None:
    with pytest.raises(Unreachable, match="not found") as told:
        clones.refresh(entry(server, "none.git"))
    assert told.value.clone is None
    assert [name for name in os.listdir(clones.folder) if not name.endswith(".lock")] == []


def test_a_wiki_that_nobody_has_written_in_is_empty(server: GitServer, clones: Clones) -> None:
    made = clones.refresh(entry(server, "app.wiki.git"))
    assert refs(made.path) == {}


def test_a_renamed_repository_keeps_its_clone(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "old.git")
    listed = entry(server, "old.git")._replace(key="git.example.org#7")
    first = clones.refresh(listed)
    git(bare.parent, "--git-dir", "old.git", "config", "x.y", "z")
    bare.rename(server.root / "new.git")
    server.moved["old.git"] = "/new.git"
    assert clones.refresh(listed).path == first.path
    renamed = entry(server, "new.git")._replace(key=listed.key)
    assert clones.refresh(renamed) == first._replace(changed=False)
    assert Path(first.path, "description").read_text().startswith("new\n")


def test_local_repositories_are_read_in_place(tmp_path: Path, clones: Clones) -> None:
    bare = repository(tmp_path, "here.git")
    made = clones.refresh(entry_for_path(str(bare)))
    assert made.path == str(bare) and made.changed
    assert not os.path.exists(clones.folder)


def test_folder_names_hold_no_path_of_the_server(clones: Clones) -> None:
    hostile = clones.place(Entry("../../etc/x#1\n", "../x", "https://git.example.org/x"))
    assert os.path.dirname(hostile) == clones.folder
    assert os.path.basename(hostile).isprintable()


@pytest.mark.parametrize("url", ["ext::sh -c id", "file:///etc", "-u./x", "https://u:p@git.example.org/x", "fd::3"])
def test_a_url_that_does_more_than_name_a_repository_is_refused(url: str, clones: Clones) -> None:
    with pytest.raises(SourceError) as told:
        clones.refresh(Entry("k", "n", url))
    assert "\n" not in str(told.value) and "u:p" not in str(told.value)
