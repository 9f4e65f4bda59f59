"""Reading the small files of a git directory."""

from __future__ import annotations

import os
from pathlib import Path

from detector.git import _files


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
