"""A few bytes decide as a full look does, and batches end where they are full."""

from hypothesis import example, given
from hypothesis import strategies as st

from detector.containers.kinds import detect_kind
from detector.engine.decode.text import detect_codec
from detector.engine.stored import Stored
from detector.scan.batching import fill_batch, may_need_unpacking

STARTS = st.sampled_from(
    [
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"BZh91AY&SY",
        b"{",
        b"\xff\xfe",
        b"\x00\x00\xfe\xff",
        b"k\x00e\x00y\x00",
        b"%PDF-",
    ]
)


@given(st.one_of(st.binary(max_size=300), STARTS.flatmap(lambda start: st.binary(max_size=60).map(start.__add__))))
@example(b"a" * 257 + b"ustar")
@example(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"))
@example(b"\x3f\x0d\r\n" + b"\x00" * 20)
@example(b"#!/bin/sh\n" + b"PK\x05\x06" + b"\x00" * 18)
@example("key".encode("utf-32-be"))
@example(b'{"sourcesContent": []}')
def test_nothing_that_needs_a_closer_look_is_passed_over(data: bytes) -> None:
    assert may_need_unpacking(data) or not (detect_codec(data) or detect_kind(data))


def test_plain_text_is_told_at_once() -> None:
    assert not may_need_unpacking(b"import os\n" * 40)
    assert not may_need_unpacking(b"")


def test_a_batch_ends_with_the_object_that_fills_it() -> None:
    objects = [
        Stored(bytes([n]), "blob", data) for n, data in enumerate([b"import os\n", b"PK\x03\x04 zip", b"x" * 90])
    ]
    rows: list[tuple[bytes, str, Stored | None]] = []
    special: list[Stored] = []
    remaining = iter(objects)
    assert fill_batch(remaining, rows, special, 15) == 18
    assert fill_batch(remaining, rows, special, 1000) == 90
    assert fill_batch(remaining, rows, special, 1000) == 0
    assert [data for data, _, _ in rows] == [objects[0].data, objects[2].data] and special == [objects[1]]


def test_a_commit_that_begins_like_a_container_is_text() -> None:
    rows: list[tuple[bytes, str, Stored | None]] = []
    special: list[Stored] = []
    fill_batch(iter([Stored(b"1", "commit", b"{ ...")]), rows, special, 10)
    assert len(rows) == 1 and not special
