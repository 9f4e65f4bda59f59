"""Entries of zip files that their directory does not list."""

import os
import struct
import zipfile

import pytest

from tests.detector.containers.reading import deflate_zip, read_members
from tests.fakes.hidden import zipped

TEXT = b"one line of the text\n" * 50
END = b"PK\x05\x06"
ENTRY = b"PK\x01\x02"


def unlist_first(data: bytes) -> bytes:
    """Return a zip file of two entries whose directory lists only the second."""
    first, end = data.index(ENTRY), data.index(END)
    second = data.index(ENTRY, first + 4)
    tail = bytearray(data[end:])
    struct.pack_into("<HHII", tail, 8, 1, 1, end - second, first)
    return data[:first] + data[second:end] + tail


@pytest.mark.parametrize("make", [deflate_zip, zipped], ids=["deflated", "stored"])
def test_an_unlisted_entry_is_read(make) -> None:
    blobs, skipped = read_members(unlist_first(make({"hidden.txt": TEXT, "a.txt": b"nothing here"})))
    assert blobs == {"x.bin!hidden.txt": TEXT, "x.bin!a.txt": b"nothing here"}
    assert skipped == []


@pytest.mark.parametrize("make", [deflate_zip, zipped], ids=["deflated", "stored"])
def test_entries_are_read_without_a_directory(make) -> None:
    data = make({"a.txt": TEXT, "b.txt": TEXT[::-1]})
    blobs, (skip,) = read_members(data[: data.index(ENTRY)])
    assert blobs == {"x.bin!a.txt": TEXT, "x.bin!b.txt": TEXT[::-1]}
    assert "its directory cannot be read" in skip.reason and not skip.expected


def test_a_version_that_nobody_knows_does_not_matter() -> None:
    data = bytearray(zipped({"a.txt": TEXT}))
    data[data.index(ENTRY) + 6] = 99
    blobs, (skip,) = read_members(bytes(data))
    assert blobs["x.bin!a.txt"] == TEXT and not skip.expected


def test_an_archive_behind_another_is_read_with_it() -> None:
    data = deflate_zip({"first.txt": TEXT}) + deflate_zip({"second.txt": TEXT})
    assert read_members(data)[0].keys() >= {"x.bin!first.txt", "x.bin!second.txt"}


def test_the_comment_and_bytes_between_entries_are_content() -> None:
    import io

    out = io.BytesIO(deflate_zip({"a.txt": TEXT}))
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = b"the comment of this archive"
    assert read_members(out.getvalue())[0]["x.bin"] == b"the comment of this archive"
    stray = b"bytes in front of all entries, as in an installer"
    assert read_members(deflate_zip({}) + b"")[0] == {}
    assert stray in read_members(b"PK\x03\x04" + stray + deflate_zip({"a.txt": TEXT}))[0]["x.bin"]


def test_an_entry_that_cannot_be_read_is_told() -> None:
    data = bytearray(deflate_zip({"a.txt": os.urandom(500), "b.txt": TEXT}))
    data[8:10] = (93).to_bytes(2, "little")
    blobs, skipped = read_members(bytes(data[: data.index(ENTRY)]))
    assert blobs == {"x.bin!b.txt": TEXT}
    assert [skip.where for skip in skipped if "compression method 93" in skip.reason] == ["x.bin!a.txt"]


def test_headers_after_each_other_end() -> None:
    read_members((b"PK\x03\x04" + b"\0" * 26) * 5_000)


def test_bytes_between_entries_that_are_too_many_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.containers.zip_gaps.MAX_STRAY_BYTES", 200)
    for behind, told in (
        (b"x" * 200, []),
        (b"x" * 201, ["contains more bytes outside of its entries than are scanned"]),
    ):
        blobs, skipped = read_members(behind + deflate_zip({"a.txt": TEXT}))
        assert blobs["x.bin!a.txt"] == TEXT
        assert [one.reason for one in skipped] == told
