"""Reading refs, HEAD and reflogs."""

from __future__ import annotations

from collections.abc import Callable

from detector.git import refs, repository
from tests.detector.git.building import Built


def test_refs_equal_those_that_git_lists(build: Callable[..., Built]) -> None:
    built = build()
    first = built.commit("a.txt", b"1")
    built.git("tag", "-a", "-m", "text", "v1")
    built.git("pack-refs", "--all")
    second = built.commit("a.txt", b"2")  # loose main over packed main
    built.git("branch", "topic/ü", first)
    built.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    found = refs.read_refs(repository.discover(str(built.path)))
    expected = dict(line.split()[::-1] for line in built.git("show-ref").splitlines())
    assert {name: value for name, value in found.items() if name.startswith("refs/")} == expected
    assert found["HEAD"] == second
    assert refs.read_head(repository.discover(str(built.path))) == second


def test_head_is_read_from_packed_refs_and_missing_before_the_first_commit(build: Callable[..., Built]) -> None:
    built = build()
    assert refs.read_head(repository.discover(str(built.path))) is None
    commit = built.commit("a.txt", b"1")
    built.git("pack-refs", "--all")
    assert refs.read_head(repository.discover(str(built.path))) == commit


def test_reflogs_contain_the_previous_values_of_refs(build: Callable[..., Built]) -> None:
    built = build()
    first = built.commit("a.txt", b"1")
    built.write("a.txt", b"2")
    built.git("commit", "-q", "-a", "--amend", "-m", "other")
    entries = [entry for entry in refs.read_reflogs(repository.discover(str(built.path))) if entry.ref == "HEAD"]
    assert [entry.new for entry in entries] == [first, built.git("rev-parse", "HEAD")]
    assert entries[1].message == "commit (amend): other"
