"""Reading archives."""

import io
import os
import tarfile

import pytest

from detector.model import Skipped
from tests.detector.containers.reading import (
    deflate_zip,
    read_members,
)
from tests.fakes.hidden import tarred, zipped


def test_an_encrypted_archive_is_reported() -> None:
    data = bytearray(zipped({"a.txt": b"hello"}))
    for magic in (b"PK\x03\x04", b"PK\x01\x02"):
        data[data.index(magic) + (6 if magic[2] == 3 else 8)] |= 1
    blobs, skipped = read_members(bytes(data))
    assert blobs == {} and skipped == [Skipped("x.bin!a.txt", "is protected by a password")]


def test_links_devices_and_unsafe_names_are_not_followed() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("l", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("d", tarfile.CHRTYPE),
            ("p", tarfile.FIFOTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("../../../etc/cron.d/x")
        entry.size = 2
        archive.addfile(entry, io.BytesIO(b"ok"))
    assert read_members(out.getvalue()) == ({"x.bin!../../../etc/cron.d/x": b"ok"}, [])


def test_a_truncated_archive_is_read_up_to_its_end() -> None:
    whole = tarred({"a.txt": b"hello " * 100, "b.txt": os.urandom(50_000)}, "w:gz")
    blobs, skipped = read_members(whole[:-20_000])
    assert blobs["x.bin!a.txt"] == b"hello " * 100
    assert skipped and not any(skip.expected for skip in skipped)


@pytest.mark.parametrize(("field", "reported"), [((14, 16), True), ((22, 24), False)], ids=["checksum", "size"])
def test_a_member_with_a_wrong_header_is_read_as_a_stream(field: tuple[int, int], reported: bool) -> None:
    content = os.urandom(3000) + b"hello world " * 1000
    data = bytearray(deflate_zip({"a.txt": content}))
    for magic, offset in zip((b"PK\x03\x04", b"PK\x01\x02"), field, strict=True):
        data[data.index(magic) + offset] ^= 1
    blobs, skipped = read_members(bytes(data))
    assert blobs == ({} if reported else {"x.bin!a.txt": content})
    assert [skip.where for skip in skipped if "CRC" in skip.reason] == ["x.bin!a.txt"] * reported


def test_archives_after_each_other_and_behind_damage_are_read() -> None:
    first, second = tarred({"a.txt": b"hello"}, "w"), tarred({"b.txt": b"world"}, "w")
    assert read_members(first + second) == ({"x.bin!a.txt": b"hello", "x.bin!b.txt": b"world"}, [])
    blobs, (skip,) = read_members(first[:1024] + b"\1" * 512 + second)
    assert blobs == {"x.bin!a.txt": b"hello", "x.bin!b.txt": b"world"}
    assert skip.reason.startswith("1 blocks of 512 bytes are no headers") and not skip.expected
