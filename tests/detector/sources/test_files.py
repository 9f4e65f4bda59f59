"""Files and folders, whatever they turn out to be."""

import os
import socket
from pathlib import Path

import pytest

from detector.config import Config
from detector.errors import SourceError
from detector.git.history import NoState
from detector.model import Blob, Origin, Skipped
from detector.rules.shapes import expand
from detector.sources import _files, files
from detector.text import chunks
from leakfirst import scan
from tests.detector.sources.sample import TOKEN, Sample


def make_sample(folder: Path) -> Sample:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text(f"key = {TOKEN}\n")
    return Sample(str(folder / "files"))


RULE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acmekey_[0-9a-z]{6}"]
pattern = '(acmekey_[0-9a-z]{24})'
"""


def token(seed: int = 0) -> str:
    return expand("acmekey_{base36:24}", seed)


@pytest.fixture
def rules(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("rules") / "acme.toml"
    path.write_text(RULE)
    return {"patterns": (str(path),), "only": ("acme.key",), "jobs": 1}


def places(result) -> list[tuple[str, int, int]]:
    return [(at.origin.path, at.line, at.column) for finding in result.findings for at in finding.locations]


def test_lines_and_columns_are_those_of_an_editor(tmp_path, rules) -> None:
    (tmp_path / "a.py").write_text(f"# ä\nkey = 'ö' + '{token()}'\r\n")
    assert places(scan(tmp_path, **rules)) == [(str(tmp_path / "a.py"), 2, 14)]


def test_the_order_does_not_depend_on_the_number_of_workers(tmp_path, rules, monkeypatch) -> None:
    monkeypatch.setattr(_files, "SHARE_FILES", 3)
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text(token(number))
    alone = scan(tmp_path, **rules)
    assert len(alone.findings) == 20
    assert scan(tmp_path, **{**rules, "jobs": 3})._replace(stats=alone.stats) == alone


@pytest.mark.parametrize("at", [0, 100, 990, 1000, 1010, 1995, 2000, 3500])
def test_a_large_file_is_read_in_pieces_and_nothing_is_seen_twice_or_lost(tmp_path, rules, monkeypatch, at) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(chunks, "MARGIN_BYTES", 200)
    text = "".join(f"{n:04} öö\n" for n in range(500))[:5000]
    text = text[:at] + " " + token() + " " + text[at:]
    (tmp_path / "big").write_text(text)
    result = scan(tmp_path, **rules)
    before = text[: at + 1]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    assert places(result) == [(str(tmp_path / "big"), line, column)]
    (finding,) = result.findings
    assert finding.locations[0].start == len(before.encode())
    assert result.stats.blobs > 3


def test_a_single_endless_line_has_a_column(tmp_path, rules, monkeypatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(chunks, "MARGIN_BYTES", 200)
    (tmp_path / "min.js").write_text("ö" * 9000 + " " + token())
    assert places(scan(tmp_path, **rules)) == [(str(tmp_path / "min.js"), 1, 9002)]


def test_what_is_no_file_is_skipped_and_said(tmp_path, rules, monkeypatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink("/", tmp_path / "root")
    os.symlink(".", tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)
        listener.bind("sock")
        result = scan(tmp_path, **rules)
    assert {os.path.basename(skip.where): skip.reason for skip in result.skipped} == {
        "pipe": "is a pipe",
        "root": "is a link, not followed",
        "loop": "is a link, not followed",
        "sock": "is a socket",
    }
    assert result.complete


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_never_read(device, rules) -> None:
    result = scan(device, **rules)
    assert result.skipped == (Skipped(device, "is a device"),)
    assert not result.complete


def test_an_unreadable_file_makes_the_scan_incomplete(tmp_path, rules, monkeypatch) -> None:
    (tmp_path / "a").write_text(token())
    opened = os.open

    def refuse(path, *rest, **more):
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)  # root may read everything, so no mode would do
    result = scan(tmp_path, **rules)
    assert [skip.reason for skip in result.skipped] == ["cannot be read: Permission denied"]
    assert not result.complete


def test_a_file_that_vanishes_makes_the_scan_incomplete(tmp_path) -> None:
    (read,) = files.read_file(str(tmp_path / "gone"), Origin("worktree", "gone"))
    assert read == Skipped("gone", "cannot be read: No such file or directory")


def test_a_file_that_shrinks_is_scanned_as_far_as_it_goes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(chunks, "MARGIN_BYTES", 200)
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10_000)
    read = files.read_file(str(path), Origin("worktree", "log"))
    first = next(read)
    assert isinstance(first, Blob)
    os.truncate(path, 1500)
    rest = list(read)
    assert rest[-1] == Skipped("log", "became shorter while it was read")


def test_a_file_over_the_size_limit_is_an_expected_skip(tmp_path, rules) -> None:
    (tmp_path / "a").write_text(token() * 10)
    result = scan(tmp_path, **rules, max_size=100)
    assert result.complete
    assert "--max-size" in result.skipped[0].reason


def test_a_missing_path_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"nowhere: no such file or folder"):
        list(files.split("nowhere", Config(), NoState()))


def test_names_that_are_no_utf8_survive(tmp_path, rules) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9 \n.txt", "w") as file:
        file.write(token())
    ((path, line, _),) = places(scan(tmp_path, **rules))
    assert os.fsencode(path).endswith(b"caf\xe9 \n.txt")
    assert line == 1
