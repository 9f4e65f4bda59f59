"""Attribution of objects to the commits that introduced them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detector.git import repository
from detector.git.blame import Attribution, Blame, attribute, parse_signature
from tests.detector.git.building import Built


def attribute_all(built: Built, *names: str, kind: str = "blob", everywhere: bool = False) -> list[Attribution]:
    found = attribute(repository.discover(str(built.path)), dict.fromkeys(names, kind), everywhere)
    assert list(found) == list(names) or set(found) == set(names)
    return [found[name] for name in names]


def test_a_blob_is_attributed_to_the_oldest_commit_that_introduced_it(build: Callable[..., Built]) -> None:
    built = build()
    first = built.commit("dir/a b\tü.txt", b"secret")
    built.commit("dir/a b\tü.txt", b"other")
    again = built.commit("back.txt", b"secret")
    name = built.blob(b"secret")
    (found,) = attribute_all(built, name)
    (introduction,) = found.introductions
    assert found.kind == "blob" and found.held_by == ""
    assert (introduction.commit, introduction.path) == (first, "dir/a b\tü.txt")
    assert introduction.author == "Ada <ada@example.com>"
    assert introduction.when == built.git("show", "-s", "--format=%aI", first)
    (found,) = attribute_all(built, name, everywhere=True)
    assert [(at.commit, at.path) for at in found.introductions] == [
        (first, "dir/a b\tü.txt"),
        (again, "back.txt"),
    ]


def test_paths_that_are_not_utf_8_are_kept(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("caf\udce9:.txt", b"x")
    (found,) = attribute_all(built, built.blob(b"x"))
    assert found.introductions[0].path == "caf\udce9:.txt"


def test_a_blob_that_only_a_merge_introduced_is_attributed_to_the_merge(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("a.txt", b"0")
    built.git("checkout", "-q", "-b", "side")
    side = built.commit("b.txt", b"from the side")
    built.git("checkout", "-q", "main")
    built.commit("c.txt", b"c")
    built.git("merge", "-q", "--no-ff", "--no-commit", "side")
    merge = built.commit("evil.txt", b"only here")
    assert len(built.git("rev-list", "--parents", "-1", merge).split()) == 3
    evil, merged = attribute_all(built, built.blob(b"only here"), built.blob(b"from the side"))
    assert [(at.commit, at.path) for at in evil.introductions] == [(merge, "evil.txt")]
    assert [at.commit for at in merged.introductions] == [side]


@pytest.mark.parametrize("packed", [False, True])
def test_objects_that_refs_do_not_reach_are_labelled(build: Callable[..., Built], packed: bool) -> None:
    built = build()
    first = built.commit("a.txt", b"1")
    amended = built.commit("a.txt", b"typed by mistake")
    built.write("a.txt", b"corrected")
    built.git("commit", "-q", "-a", "--amend", "-m", "better")
    built.write("a.txt", b"put away")
    built.write("new.txt", b"untracked and put away")
    built.git("stash", "-q", "-u")
    built.git("notes", "add", "-m", "a note", first)
    lost = built.git("commit-tree", "-m", "lost", "HEAD^{tree}")
    tree = built.git("mktree", given=f"100644 blob {built.blob(b'lost')}\tlost.txt\n".encode())
    lost = built.git("commit-tree", "-m", "lost", tree)
    dangling = built.blob(b"never committed")
    if packed:
        built.git("repack", "-adfq")
        built.git("pack-refs", "--all")
    found = attribute_all(
        built,
        built.blob(b"typed by mistake"),
        built.blob(b"put away"),
        built.blob(b"untracked and put away"),
        built.blob(b"a note\n"),
        built.blob(b"lost"),
        dangling,
    )
    assert [entry.kind for entry in found] == ["unreachable", "stash", "stash", "note", "unreachable", "unreachable"]
    assert found[0].held_by == "reflog of HEAD" and found[0].introductions[0].commit == amended
    assert found[1].held_by == "refs/stash" and found[1].introductions[0].path == "a.txt"
    assert found[2].introductions[0].path == "new.txt"
    assert found[3].held_by == "refs/notes/commits"
    assert found[4].introductions[0][:2] == (lost, "lost.txt") and found[4].held_by == ""
    assert found[5] == Attribution("unreachable")


def test_commits_and_tags_are_attributed_to_themselves(build: Callable[..., Built]) -> None:
    built = build()
    commit = built.commit("a.txt", b"1")
    built.git("tag", "-a", "-m", "text", "v1")
    tag = built.git("rev-parse", "v1")
    built.git("tag", "-a", "-m", "gone", "v2")
    gone = built.git("rev-parse", "v2")
    built.git("tag", "-d", "v2")
    lost = built.git("commit-tree", "-m", "lost", "HEAD^{tree}")
    found, other = attribute_all(built, commit, lost, kind="commit")
    assert (
        found.kind == "commit"
        and found.introductions[0].commit == commit
        and found.introductions[0].author.startswith("Ada")
    )
    assert other.kind == "unreachable" and other.introductions[0].commit == lost
    found, other = attribute_all(built, tag, gone, kind="tag")
    assert found.kind == "tag" and found.introductions[0][:2] == (commit, "refs/tags/v1")
    assert found.introductions[0].author == "Bob <bob@example.com>"
    assert other.kind == "unreachable" and other.introductions[0].path == "refs/tags/v2"


@pytest.mark.parametrize("graph", [False, True])
def test_a_pass_can_start_early_and_answer_many_queries(build: Callable[..., Built], graph: bool) -> None:
    built = build("repo", "--object-format=sha256")
    built.history(5)
    if graph:
        built.git("commit-graph", "write", "--reachable", "--changed-paths")
    names = [line.split()[2] for line in built.git("ls-tree", "-r", "HEAD").splitlines()]
    with Blame(repository.discover(str(built.path))) as blame:
        blame.start()
        for name in names:
            oldest = built.git("log", "--format=%H", "--find-object=" + name).split()[-1]
            assert blame.attribute({name: "blob"})[name].introductions[0].commit == oldest


def test_shallow_and_partial_clones_attribute_what_they_contain(build: Callable[..., Built], tmp_path: Path) -> None:
    origin = build("origin")
    origin.history(5)
    origin.git("config", "uploadpack.allowFilter", "true")
    name = origin.git("rev-parse", "HEAD:big.txt")
    for kind, option in (("shallow", "--depth=1"), ("blobless", "--filter=blob:none"), ("treeless", "--filter=tree:0")):
        origin.git("clone", "-q", "--bare", option, f"file://{origin.path}", str(tmp_path / kind))
        (found,) = attribute_all(Built(tmp_path / kind, "exists"), name)
        assert len(found.introductions) == (0 if kind == "treeless" else 1)


def test_a_mailmap_and_an_invalid_date_change_nothing(build: Callable[..., Built]) -> None:
    built = build()
    built.commit(".mailmap", b"Someone Else <else@example.com> <ada@example.com>\n")
    (found,) = attribute_all(built, built.git("rev-parse", "HEAD:.mailmap"))
    assert found.introductions[0].author == "Ada <ada@example.com>"
    assert parse_signature(b"author Eve <e> 99999999999999999999 +0000\n\n", b"author ") == ("Eve <e>", "")
    assert parse_signature(b"author Eve\n\n", b"author ") == ("Eve", "")


def test_no_wanted_objects_need_no_git(tmp_path: Path) -> None:
    assert attribute(repository.Repository(str(tmp_path), "", None, ()), {}) == {}


@pytest.mark.parametrize("block", [1, 64, 1 << 20])
def test_a_path_that_looks_like_a_change_or_a_commit_is_a_path(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("detector.git.blame._BLOCK_BYTES", block)
    built = build()
    built.commit("plain.txt", b"1")
    wanted, other = built.blob(b"wanted"), built.blob(b"1")
    paths = [f":100644 100644 {other} {wanted} M", "f" * 40, "\n:", "z.txt"]
    for number, path in enumerate(paths):
        built.commit(path, b"number %d" % number)
    last = built.commit("last.txt", b"wanted")
    found = attribute_all(built, *[built.blob(b"number %d" % number) for number in range(len(paths))], wanted)
    assert [at.introductions[0].path for at in found] == [*paths, "last.txt"]
    assert found[-1].introductions[0].commit == last


@pytest.mark.parametrize("lost", ["tree", "history"])
def test_what_reaches_an_object_is_unknown_if_a_part_of_the_history_is_missing(
    build: Callable[..., Built], tmp_path: Path, lost: str
) -> None:
    built = build()
    first = built.commit("a.txt", b"secret")
    built.commit("a.txt", b"other")
    name = built.blob(b"secret")
    if lost == "tree":
        tree = built.git("rev-parse", f"{first}^{{tree}}")
        (built.path / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    else:
        (built.path / ".git" / "shallow").write_text(built.git("rev-parse", "HEAD") + "\n")
    (found,) = attribute_all(built, name)
    assert (found.kind, found.held_by) == ("blob", "")
