"""Reading what is new in the index, or in a range of commits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import UsageError
from detector.git import changes, repository
from detector.git.changes import Change, compute_line_spans
from detector.model import Skipped
from tests.detector.git.building import Built
from tests.program import environment


def get_new_text(change: Change) -> bytes:
    return b"".join(change.data[start:end] for start, end in change.new)


def with_content(found: Iterable[Change | Skipped]) -> list[Change | Skipped]:
    """Leave out what stands for a name alone."""
    return [entry for entry in found if isinstance(entry, Skipped) or entry.data]


def read_index(built: Built, **options: str) -> dict[str, bytes]:
    """Return the new text of each staged path."""
    found = list(changes.read_staged(repository.discover(str(built.path)), **options))
    assert not [entry for entry in found if isinstance(entry, Skipped)]
    return {entry.path: get_new_text(entry) for entry in found if isinstance(entry, Change) and entry.data}


def read_range(built: Built, **options: str) -> dict[tuple[str, str], bytes]:
    found = list(changes.read_new_objects(repository.discover(str(built.path)), **options))
    assert not [entry for entry in found if isinstance(entry, Skipped)]
    return {
        (entry.kind, entry.path): get_new_text(entry) for entry in found if isinstance(entry, Change) and entry.data
    }


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_everything_is_new_in_the_first_commit(build: Callable[..., Built], form: str) -> None:
    built = build("repo", f"--object-format={form}")
    built.write("a b.txt", b"1\n2")
    built.write("empty", b"")
    built.git("add", "-A")
    assert read_index(built) == {"a b.txt": b"1\n2"}


def test_only_changed_lines_are_new_and_the_whole_blob_is_returned(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("a.txt", b"1\n2\n3\n4\n5\n")
    built.write("a.txt", b"zero\n1\n2\nthree\n4\n5\nsix")
    built.write("not added.txt", b"x")
    built.git("add", "a.txt")
    built.write("a.txt", b"in the working tree alone\n")
    (change,) = changes.read_staged(repository.discover(str(built.path)))
    assert isinstance(change, Change)
    assert change.data == b"zero\n1\n2\nthree\n4\n5\nsix"
    assert [change.data[start:end] for start, end in change.new] == [b"zero\n", b"three\n", b"six"]


def test_removals_modes_and_intended_additions_introduce_nothing(build: Callable[..., Built]) -> None:
    built = build()
    built.write("mode.sh", b"x\n")
    built.write("gone.txt", b"gone\n")
    built.commit("less.txt", b"1\n2\n3\n")
    built.git("rm", "-q", "gone.txt")
    built.write("less.txt", b"1\n3\n")
    built.write("intended.txt", b"not yet\n")
    os.chmod(built.path / "mode.sh", 0o755)
    built.git("add", "less.txt", "mode.sh")
    built.git("add", "-N", "intended.txt")
    assert read_index(built) == {}


def test_a_renamed_file_is_new_only_in_its_changed_lines(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("old.txt", b"".join(b"line %d\n" % number for number in range(30)))
    built.git("mv", "old.txt", "new name.txt")
    built.git("add", "-A")
    assert read_index(built) == {}
    with open(built.path / "new name.txt", "ab") as stream:
        stream.write(b"added\n")
    built.git("add", "-A")
    assert read_index(built) == {"new name.txt": b"added\n"}


@pytest.mark.parametrize(
    "name",
    [
        'quo"te.txt',
        "tab\there",
        "line\nbreak\n+++ b",
        "back\\slash",
        "caf\udce9",
        "ünï",
        " lead",
        "b/+++ b",
        "a\t",
        "@@ -1 +1 @@",
    ],
)
def test_unusual_names_are_parsed(build: Callable[..., Built], name: str) -> None:
    built = build()
    built.commit(name, b"1\n")
    built.write(name, b"1\n+++ b/other\n@@ -1 +1 @@\n")
    built.write(name + "x", b"2\n")
    built.git("add", "-A")
    expected = {name: b"+++ b/other\n@@ -1 +1 @@\n", name + "x": b"2\n"}
    assert read_index(built) == expected
    built.git("commit", "-q", "-m", "odd")
    found = read_range(built, since="HEAD~1")
    assert {path: text for (kind, path), text in found.items() if kind == "blob"} == expected


def test_attributes_and_binary_content_hide_nothing(build: Callable[..., Built]) -> None:
    built = build()
    built.write(".gitattributes", b"*.dat -diff binary\n")
    built.commit("x.dat", b"\0\n1\n")
    built.write("x.dat", b"\0\n1\nnew\n")
    built.git("add", "-A")
    assert read_index(built) == {"x.dat": b"new\n"}


def test_symbolic_links_are_read_and_submodules_are_not(build: Callable[..., Built]) -> None:
    inner, built = build("inner"), build()
    inner.commit("s.txt", b"s")
    os.symlink("somewhere", built.path / "link")
    built.git("submodule", "add", "-q", str(inner.path), "sub")
    built.git("add", "-A")
    found = read_index(built)
    assert found.pop("link") == b"somewhere"
    assert list(found) == [".gitmodules"]


def test_lfs_pointers_are_followed_into_the_local_store(build: Callable[..., Built]) -> None:
    built = build()
    content = b"large and secret\n"
    digest = hashlib.sha256(content).hexdigest()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 17\n" % digest.encode()
    built.write("big.bin", pointer)
    built.git("add", "-A")
    found = with_content(changes.read_staged(repository.discover(str(built.path))))
    assert isinstance(found[1], Skipped) and "LFS" in found[1].reason and not found[1].expected
    built.write(f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}", content)
    found = with_content(changes.read_staged(repository.discover(str(built.path))))
    assert [entry.data for entry in found if isinstance(entry, Change)] == [pointer, content]


def test_a_merge_introduces_what_neither_parent_contains(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("a.txt", b"1\n2\n3\n4\n5\n")
    built.git("checkout", "-q", "-b", "side")
    built.write("side.txt", b"side\n")
    built.commit("a.txt", b"1\n2\n3\n4\nfive from the side\n")
    built.git("checkout", "-q", "main")
    built.commit("a.txt", b"one from main\n2\n3\n4\n5\n")
    built.git("merge", "-q", "--no-commit", "--no-ff", "side")
    assert read_index(built) == {}
    built.write("a.txt", b"one from main\n2\nthree from the merge\n4\nfive from the side\n")
    built.write("new.txt", b"evil\n")
    built.git("add", "-A")
    expected = {"a.txt": b"three from the merge\n", "new.txt": b"evil\n"}
    assert read_index(built) == expected
    built.git("commit", "-q", "-m", "merged")
    merge = [c for c in changes.read_new_objects(repository.discover(str(built.path)), range="HEAD^1..HEAD")
             if isinstance(c, Change) and c.commit == built.git("rev-parse", "HEAD") and c.kind == "blob"]  # fmt: skip
    assert {change.path: get_new_text(change) for change in merge} == expected


def test_another_index_file_can_be_given(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("a.txt", b"1\n")
    (built.path / ".git/other").write_bytes((built.path / ".git/index").read_bytes())
    built.write("a.txt", b"1\n2\n")
    built.git("add", "-A")
    assert read_index(built, index=str(built.path / ".git/other")) == {}
    assert read_index(built) == {"a.txt": b"2\n"}


def test_a_split_index_is_read(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("a.txt", b"1\n")
    built.git("update-index", "--split-index")
    built.write("b.txt", b"2\n")
    built.git("add", "-A")
    assert read_index(built) == {"b.txt": b"2\n"}


def test_the_hook_imports_no_heavy_modules(build: Callable[..., Built]) -> None:
    built = build()
    built.write("a.txt", b"1\n")
    built.git("add", "-A")
    code = (
        "import sys; from detector.git import changes, repository;"
        "assert list(changes.read_staged(repository.discover('.')));"
        "print(*sorted({'numpy', 'argparse', 'dataclasses', 'tempfile', 'shutil', 'random'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=built.path, env=environment(), capture_output=True, check=True
    )
    assert done.stdout.strip() == b""


def test_a_range_yields_commits_tags_and_the_changes_of_each_commit(build: Callable[..., Built]) -> None:
    built = build()
    first = built.commit("a.txt", b"1\n2\n")
    second = built.commit("a.txt", b"1\nsecret\n2\n", "with a secret")
    built.commit("a.txt", b"1\n2\n", "without")
    built.commit("b.txt", b"b\n")
    built.git("tag", "-a", "-m", "tagged text", "v1")
    found = with_content(changes.read_new_objects(repository.discover(str(built.path)), since=first))
    assert not [entry for entry in found if isinstance(entry, Skipped)]
    blobs = [(entry.path, get_new_text(entry), entry.commit) for entry in found if entry.kind == "blob"]  # type: ignore[union-attr]
    assert blobs == [("a.txt", b"secret\n", second), ("b.txt", b"b\n", built.git("rev-parse", "HEAD"))]
    commits = [entry for entry in found if isinstance(entry, Change) and entry.kind == "commit"]
    assert len(commits) == 3 and b"with a secret" in commits[0].data and commits[0].commit == commits[0].object_id
    assert [b"tagged text" in entry.data for entry in found if isinstance(entry, Change) and entry.kind == "tag"] == [
        True
    ]


def test_new_names_are_told_also_of_empty_and_renamed_files(build: Callable[..., Built]) -> None:
    built = build()
    first = built.commit("a.txt", b"1\n2\n3\n4\n")
    built.write("b.txt", b"1\n")
    built.write("empty", b"")
    built.git("mv", "a.txt", "moved.txt")
    built.git("add", "-A")
    staged = changes.read_staged(repository.discover(str(built.path)))
    assert {entry.path for entry in staged if isinstance(entry, Change) and not entry.data} == {
        "b.txt",
        "empty",
        "moved.txt",
    }
    built.git("commit", "-q", "-m", "names")
    built.commit("b.txt", b"1\n2\n")  # its name is known
    new = list(changes.read_new_objects(repository.discover(str(built.path)), since=first))
    names = [(entry.path, entry.commit) for entry in new if isinstance(entry, Change) and not entry.data]
    assert sorted(names) == [(name, built.git("rev-parse", "HEAD~1")) for name in ("b.txt", "empty", "moved.txt")]


def test_a_tag_of_a_tag_that_no_ref_names_is_read(build: Callable[..., Built]) -> None:
    built = build()
    commit = built.commit("a.txt", b"1\n")
    built.git("tag", "-a", "-m", "inner text", "inner")
    inner = built.git("rev-parse", "inner")
    built.git("tag", "-a", "-m", "outer text", "outer", inner)
    built.git("tag", "-d", "inner")
    outer = built.git("rev-parse", "outer")
    found = repository.discover(str(built.path))
    for known in ((), (commit,)):
        read = changes.read_introduced(found, [outer], known, all_tags=False)
        tags = {entry.object_id for entry in read if isinstance(entry, Change) and entry.kind == "tag"}
        assert tags == {outer, inner}


def test_ranges_can_use_the_refs_of_the_repository(build: Callable[..., Built]) -> None:
    built = build()
    first = built.commit("a.txt", b"1\n")
    built.git("tag", "-a", "-m", "x", "v1")
    built.git("checkout", "-q", "-b", "topic/one")
    built.commit("b.txt", b"2\n")
    built.git("checkout", "-q", "main")
    built.commit("c.txt", b"3\n")
    built.git("pack-refs", "--all")
    assert ("blob", "b.txt") in read_range(built, range="v1..topic/one")
    assert ("blob", "c.txt") not in read_range(built, range="main..topic/one")
    assert ("blob", "c.txt") in read_range(built, since="HEAD~1")
    assert ("blob", "b.txt") not in read_range(built, range="v1..topic/one ^topic/one")
    assert read_range(built, range="main..main") == {}
    assert ("blob", "c.txt") in read_range(built, since=first[:8])


@pytest.mark.parametrize(
    "options", [{}, {"since": "nowhere"}, {"range": "--all"}, {"range": "main..gone"}, {"since": "-x"}]
)
def test_an_invalid_range_is_a_usage_error(build: Callable[..., Built], options: dict[str, str]) -> None:
    built = build()
    built.commit("a.txt", b"1\n")
    with pytest.raises(UsageError):
        list(changes.read_new_objects(repository.discover(str(built.path)), **options))


def test_pushed_objects_are_found_by_ids(build: Callable[..., Built]) -> None:
    built = build()
    old = built.commit("a.txt", b"1\n")
    built.git("checkout", "-q", "--detach")
    new = built.commit("b.txt", b"2\n")
    found = repository.discover(str(built.path))
    for known in (None, [old, "1" * 40]):
        pushed = with_content(changes.read_introduced(found, [new], known))
        assert [(entry.kind, entry.path) for entry in pushed if isinstance(entry, Change)] == [
            ("commit", ""),
            ("blob", "b.txt"),
        ]


def test_a_blobless_clone_reports_commits_that_cannot_be_compared(build: Callable[..., Built], tmp_path: Path) -> None:
    origin = build("origin")
    origin.history(4)
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("clone", "-q", "--bare", "--filter=blob:none", f"file://{origin.path}", str(tmp_path / "partial"))
    found = list(changes.read_new_objects(repository.discover(str(tmp_path / "partial")), since="HEAD~2"))
    assert [entry for entry in found if isinstance(entry, Skipped)]


@given(st.lists(st.binary(max_size=5).map(lambda text: text.replace(b"\n", b"")), max_size=12), st.data())
def test_spans_cover_exactly_the_lines(lines: list[bytes], data: st.DataObject) -> None:
    content = b"\n".join(lines)
    chosen = sorted(data.draw(st.sets(st.integers(1, 14))))
    spans = compute_line_spans(content, [(number, 1) for number in chosen])
    split = [piece + b"\n" for piece in content.split(b"\n")]
    split[-1] = split[-1][:-1]
    expected = b"".join(split[number - 1] for number in chosen if number <= len(split))
    assert b"".join(content[start:end] for start, end in spans) == expected
    assert all(one[1] < other[0] for one, other in pairwise(spans))
