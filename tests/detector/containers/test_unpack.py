"""Unpacking containers of every kind."""

import zlib

import pytest

from detector.containers import kinds, unpack
from detector.model import Blob, Origin
from detector.rules import pack as packs
from detector.rules.pack import build_engine
from detector.rules.shapes import expand
from detector.scan import worker
from detector.scan.examine import Examiner
from detector.scan.messages import ShareProgress
from tests.detector.containers.reading import ORIGIN, STORED, deflate_zip
from tests.fakes.hidden import Place


@pytest.mark.parametrize("kind", kinds.OPENERS)
def test_garbage_after_the_magic_bytes_raises_nothing(kind: str) -> None:
    for seed in range(4):
        garbage = zlib.compress(bytes([seed]) * 64) * 20
        for magic, name in kinds._MAGIC:
            if name == kind:
                assert list(unpack.unpack(magic + garbage, kind, ORIGIN)) is not None


@pytest.mark.parametrize("place", STORED, ids=[place.name for place in STORED])
def test_a_truncated_container_raises_nothing(place: Place) -> None:
    for size in range(0, len(place.content), max(1, len(place.content) // 7)):
        data = place.content[:size]
        if kind := kinds.detect_kind(data):
            list(unpack.unpack(data, kind, ORIGIN))


def test_a_member_without_findings_is_unpacked_once(rules: str) -> None:
    """In the next version of a container only new members and those with findings are unpacked."""
    engine = build_engine(packs.load_pack((rules,), shipped=False))
    token = expand("ghp_{alnum:36}", 4)
    nested = deflate_zip({"deep.txt": f"key = {token}".encode()})
    first = deflate_zip({"same.txt": b"nothing " * 900, "key.txt": f"key = {token}\n".encode() * 3, "in.zip": nested})
    second = deflate_zip(
        {"new.txt": b"nothing new", "same.txt": b"nothing " * 900, "in.zip": nested, "other.txt": b"-"}
    )
    clean = unpack.CleanMembers()
    seen = []
    for number, data in enumerate((first, second)):
        blob = Blob(data, Origin("blob", "", "", f"{number}" * 40))
        opened = unpack.unpack_changed(data, "zip", blob.origin, clean)
        fresh = {item.origin.path for item in opened if isinstance(item, Blob)}
        assert (
            fresh == ({"same.txt", "key.txt", "in.zip!deep.txt"}, {"new.txt", "in.zip!deep.txt", "other.txt"})[number]
        )
        messages = list(worker.examine_blobs([blob], Examiner(engine), clean=clean))
        alone = list(worker.examine_blobs([blob], Examiner(engine)))
        seen.append([message for message in messages if not isinstance(message, ShareProgress)])
        assert seen[-1] == [message for message in alone if not isinstance(message, ShareProgress)]
    assert [len(found) for found in seen] == [4, 1]
