"""Compressed data that is damaged, continued, or mixed with other bytes."""

import bz2
import gzip
import lzma
import os

import pytest

from tests.detector.containers.reading import read_members

PACKERS = [gzip.compress, bz2.compress, lzma.compress]
TEXT = b"one line of the text\n" * 50


@pytest.mark.parametrize("pack", PACKERS)
def test_streams_and_bytes_after_each_other_are_all_read(pack) -> None:
    data = pack(b"first ") + b"\0" * 40 + pack(b"second ") + b"stray bytes" + pack(b"third")
    content: list[bytes] = []
    blobs, skipped = read_members(data, content)
    assert blobs["x.bin"] == b"stray bytes" and content[0] == b"first second third"
    assert skipped == []


@pytest.mark.parametrize("pack", PACKERS)
def test_padding_after_the_data_is_nothing(pack) -> None:
    assert read_members(pack(TEXT) + b"\0" * 1000) == ({"x.bin": TEXT}, [])


def test_a_wrong_checksum_loses_nothing_of_the_text() -> None:
    blobs, (skip,) = read_members(gzip.compress(os.urandom(10) + TEXT)[:-8] + b"\0" * 8)
    assert blobs["x.bin"][10:] == TEXT
    assert "incorrect data check" in skip.reason and not skip.expected


@pytest.mark.parametrize("pack", PACKERS)
def test_data_that_ends_early_is_told(pack) -> None:
    whole = pack(os.urandom(40_000))
    _, (skip,) = read_members(whole[: len(whole) // 2])
    assert skip.reason.endswith("it ends in the middle of the data") and not skip.expected


@pytest.mark.parametrize("pack", PACKERS)
def test_the_stream_after_a_damaged_one_is_read(pack) -> None:
    broken = bytearray(pack(os.urandom(5_000)))
    broken[len(broken) // 2 : len(broken) // 2 + 64] = bytes(range(64, 128))
    content: list[bytes] = []
    _, skipped = read_members(bytes(broken) + pack(TEXT), content)
    assert TEXT in b"".join(content) and [skip.expected for skip in skipped] == [False]


@pytest.mark.parametrize("pack", PACKERS)
def test_nothing_but_a_signature_ends(pack) -> None:
    _, skipped = read_members(pack(b"")[:10] * 500)
    assert skipped and not any(skip.expected for skip in skipped)
