"""Finding objects in the current trees of HEAD and the branches."""

from pathlib import Path

import pytest

from detector.git.branch_heads import find_in_branch_heads, read_files_at_head
from detector.git.repository import discover
from tests.detector.fleet import synthetic


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    bare = tmp_path / "r.git"
    bare.mkdir()
    synthetic.run_git(bare, "init", "-q", "--bare", "-b", "main", ".")
    stream = synthetic.ImportStream(1)
    stream.commit("main", {"a/b/one.txt": "one\n", "two.txt": "two\n", "docs/three.txt": "three\n"}, "First")
    stream.commit("side", {"a/side.txt": "side\n", "a/b/copy.txt": "one\n"}, "Aside", onto="refs/heads/main")
    stream.commit("main", {"two.txt": None}, "Remove")
    stream.write_to(bare)
    return bare


def blob(bare: Path, text: str) -> str:
    return synthetic.run_git(bare, "hash-object", "--stdin", given=text.encode()).decode().strip()


def commit(bare: Path, branch: str) -> str:
    return synthetic.run_git(bare, "rev-parse", branch).decode().strip()


def test_head_comes_first_and_branches_add_what_it_does_not_contain(bare):
    wanted = {text: blob(bare, f"{text}\n") for text in ("one", "two", "three", "side", "nowhere")}
    found = {
        (at.object_id, at.path, at.commit) for at in find_in_branch_heads(discover(str(bare)), set(wanted.values()))
    }
    main, side = commit(bare, "main"), commit(bare, "side")
    assert found == {
        (wanted["one"], "a/b/one.txt", main),
        (wanted["three"], "docs/three.txt", main),
        (wanted["two"], "two.txt", side),
        (wanted["side"], "a/side.txt", side),
    }


def test_objects_of_tags_notes_and_kept_refs_are_in_no_branch_head(bare):
    for ref in ("refs/tags/v1", "refs/leakfirst/kept/1", "refs/notes/x"):
        synthetic.run_git(bare, "update-ref", ref, "side")
    synthetic.run_git(bare, "update-ref", "-d", "refs/heads/side")
    wanted = {blob(bare, "side\n"), blob(bare, "two\n")}
    assert find_in_branch_heads(discover(str(bare)), wanted) == []


def test_files_at_head_are_read_by_path(bare):
    found = read_files_at_head(discover(str(bare)), ["two.txt", "docs/three.txt", "a", "../x", "nothing"])
    assert found == {"docs/three.txt": b"three\n"}


def test_an_empty_repository_has_no_branch_heads(tmp_path):
    synthetic.run_git(tmp_path, "init", "-q", "--bare", ".")
    assert find_in_branch_heads(discover(str(tmp_path)), {"1" * 40}) == []
    assert read_files_at_head(discover(str(tmp_path)), ["a"]) == {}


def test_a_broken_tree_hides_only_its_own_entries(bare):
    name = commit(bare, "side:a")
    broken = bare / "objects" / name[:2] / name[2:]
    broken.chmod(0o600)
    broken.write_bytes(b"nonsense")
    wanted = {blob(bare, "one\n"), blob(bare, "side\n")}
    assert {at.path for at in find_in_branch_heads(discover(str(bare)), wanted)} == {"a/b/one.txt"}
