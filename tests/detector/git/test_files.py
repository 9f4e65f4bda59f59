"""Reading the small files of a git directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from detector.git import _files
from detector.git._files import list_special_files, open_regular, read_small_file


def test_a_file_is_read_up_to_its_limit_and_not_beyond(tmp_path: Path) -> None:
    (tmp_path / "HEAD").write_bytes(b"ref: caf\xe9\n")
    assert _files.read_small_file(str(tmp_path / "HEAD")) == "ref: caf\udce9\n"
    assert _files.read_small_file(str(tmp_path / "HEAD"), limit=4) == ""


def test_what_is_not_a_readable_file_counts_as_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "fifo", "a\0b"):
        assert _files.read_small_file(str(path)) == ""
    assert _files.list_names(str(tmp_path / "missing")) == []


def test_names_are_sorted(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    assert _files.list_names(str(tmp_path)) == ["a", "b", "c"]


def test_links_and_lock_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "refs/heads/topic").mkdir(parents=True)
    for name in ("main", "topic/one", "main.lock"):
        (tmp_path / "refs/heads" / name).touch()
    (tmp_path / "refs/heads/link").symlink_to("main")
    (tmp_path / "refs/linked").symlink_to(tmp_path)
    assert sorted(_files.list_files_below(str(tmp_path), "refs")) == ["refs/heads/main", "refs/heads/topic/one"]
    assert list(_files.list_files_below(str(tmp_path), "missing")) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        open_regular(str(tmp_path / "pipe"))
    assert read_small_file(str(tmp_path / "pipe")) == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_what_is_no_file_in_a_store_is_listed(tmp_path: Path) -> None:
    for name in ("info", "pack", "ab"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        (tmp_path / name / "dangling").symlink_to("nowhere")
    assert list(list_special_files(str(tmp_path))) == []
    os.mkfifo(tmp_path / "pack" / "pack-1.idx")
    os.mkfifo(tmp_path / "ab" / ("c" * 38))
    (tmp_path / "info" / "commit-graph").symlink_to("/dev/zero")
    found = {os.path.relpath(path, tmp_path) for path in list_special_files(str(tmp_path))}
    assert found == {"pack/pack-1.idx", "ab/" + "c" * 38, "info/commit-graph"}
