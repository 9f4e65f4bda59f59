"""Limits on unpacking."""

import os
import zipfile

import pytest

from detector.containers import limits
from detector.rules.shapes import expand
from tests.detector.containers.reading import (
    find_locations,
    read_members,
    scan_file,
)
from tests.fakes.hidden import tarred, zipped


def test_a_decompression_bomb_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MIN_BUDGET_BYTES", 1 << 20)
    data = zipped({"a": bytes(40 << 20)})
    blobs, skipped = read_members(data)
    assert sum(map(len, blobs.values())) < 30 << 20
    assert "unpacks to more bytes" in skipped[0].reason and not skipped[0].expected


def test_nesting_and_members_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"deep"
    for _ in range(limits.MAX_DEPTH + 1):
        data = zipped({"in": data})
    assert "nested more than 8 levels" in read_members(data)[1][0].reason
    monkeypatch.setattr(limits, "MAX_MEMBERS", 3)
    blobs, skipped = read_members(zipped({str(number): b"x" for number in range(9)}))
    assert len(blobs) == 3 and "more than 3 members" in skipped[0].reason


def test_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_SECONDS", -1.0)
    assert "takes longer" in read_members(zipped({"a": b"x"}))[1][0].reason


def test_a_large_member_is_scanned_in_chunks_with_correct_lines(
    rules: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.text.chunks.CHUNK_BYTES", 1 << 20)
    token = expand("ghp_{alnum:36}", 5)
    text = b"line\n" * 700_000 + token.encode() + b"\n" + b"line\n" * 1000
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.log", text)
    [location] = find_locations(scan_file(rules, str(tmp_path / "a.zip")))[token]
    assert (location.line, location.column) == (700_001, 1)


def test_a_file_over_the_memory_limit_is_streamed(rules: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.sources._files.IN_MEMORY_BYTES", 1 << 20)
    token = expand("ghp_{alnum:36}", 6)
    path = tmp_path / "a.tar"
    path.write_bytes(tarred({"noise": os.urandom(10 << 20), "conf": f"k: {token}".encode()}))
    [location] = find_locations(scan_file(rules, str(path)))[token]
    assert location.origin.path.endswith("a.tar!conf")
