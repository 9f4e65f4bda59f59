"""Where objects stand today."""

from pathlib import Path

import pytest

from detector.git.branch_heads import at_head, tips
from detector.git.repository import discover
from tests.detector.fleet import making


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "r.git"
    place.mkdir()
    making.git(place, "init", "-q", "--bare", "-b", "main", ".")
    stream = making.Stream(1)
    stream.commit("main", {"a/b/one.txt": "one\n", "two.txt": "two\n", "docs/three.txt": "three\n"}, "First")
    stream.commit("side", {"a/side.txt": "side\n", "a/b/copy.txt": "one\n"}, "Aside", onto="refs/heads/main")
    stream.commit("main", {"two.txt": None}, "Remove")
    stream.into(place)
    return place


def blob(place: Path, text: str) -> str:
    return making.git(place, "hash-object", "--stdin", given=text.encode()).decode().strip()


def commit(place: Path, branch: str) -> str:
    return making.git(place, "rev-parse", branch).decode().strip()


def test_head_comes_first_and_branches_name_what_it_has_not(place):
    wanted = {text: blob(place, f"{text}\n") for text in ("one", "two", "three", "side", "nowhere")}
    found = {(tip.object_id, tip.path, tip.commit) for tip in tips(discover(str(place)), set(wanted.values()))}
    main, side = commit(place, "main"), commit(place, "side")
    assert found == {
        (wanted["one"], "a/b/one.txt", main),
        (wanted["three"], "docs/three.txt", main),
        (wanted["two"], "two.txt", side),
        (wanted["side"], "a/side.txt", side),
    }


def test_what_only_tags_notes_and_kept_refs_hold_stands_at_no_tip(place):
    for ref in ("refs/tags/v1", "refs/leakfirst/kept/1", "refs/notes/x"):
        making.git(place, "update-ref", ref, "side")
    making.git(place, "update-ref", "-d", "refs/heads/side")
    wanted = {blob(place, "side\n"), blob(place, "two\n")}
    assert tips(discover(str(place)), wanted) == []


def test_files_of_head_are_read_by_name(place):
    found = at_head(discover(str(place)), ["two.txt", "docs/three.txt", "a", "../x", "nothing"])
    assert found == {"docs/three.txt": b"three\n"}


def test_an_empty_repository_has_no_tips(tmp_path):
    making.git(tmp_path, "init", "-q", "--bare", ".")
    assert tips(discover(str(tmp_path)), {"1" * 40}) == []
    assert at_head(discover(str(tmp_path)), ["a"]) == {}


def test_a_tree_that_is_broken_hides_only_what_is_in_it(place):
    name = commit(place, "side:a")
    broken = place / "objects" / name[:2] / name[2:]
    broken.chmod(0o600)
    broken.write_bytes(b"nonsense")
    wanted = {blob(place, "one\n"), blob(place, "side\n")}
    assert {tip.path for tip in tips(discover(str(place)), wanted)} == {"a/b/one.txt"}
