"""Reading the objects of a pack, compiled and interpreted."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from types import ModuleType

import pytest

from detector.git import pack_walker, repository, shares
from detector.model import Skipped
from tests.detector.git.building import Built
from tests.detector.git.reading import read_all
from tests.interpreted import load_interpreted

BOTH = pytest.mark.parametrize(
    "walker", [pack_walker, load_interpreted("detector.git.pack_walker")], ids=["built", "interpreted"]
)


@BOTH
@pytest.mark.parametrize("size", [0, 1, 1000, 1024, 5000, 300_000])
def test_data_inflates_to_exactly_the_declared_size(walker: ModuleType, size: int) -> None:
    content = bytes(number * 7 % 251 for number in range(size))
    packed = zlib.compress(content) + b"behind"
    assert walker.inflate(memoryview(packed), size) == content
    for wrong in (size - 1, size + 1, -(1 << 60)):
        with pytest.raises(walker.ObjectError):
            walker.inflate(memoryview(packed), wrong)


@BOTH
def test_a_size_that_the_compressed_bytes_cannot_produce_is_an_error(walker: ModuleType) -> None:
    with pytest.raises(walker.ObjectError, match="larger size"):
        walker.inflate(memoryview(zlib.compress(b"x")), 1 << 50)


@BOTH
def test_a_decompression_bomb_is_inflated_to_its_declared_size_only(walker: ModuleType) -> None:
    bomb = zlib.compress(bytes(1 << 24))
    with pytest.raises(walker.ObjectError):
        walker.inflate(memoryview(bomb), 10)


def test_compiled_and_interpreted_read_the_same(build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch) -> None:
    built = build()
    built.history(30)
    built.git("repack", "-adfq", "--depth=30")
    found = repository.discover(str(built.path))
    broken = next((built.path / ".git/objects/pack").glob("*.pack"))
    broken.chmod(0o600)
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 255
    broken.write_bytes(content)
    compiled = read_all(found)
    monkeypatch.setattr(shares, "PackWalker", load_interpreted("detector.git.pack_walker").PackWalker)
    assert read_all(found) == compiled
    assert compiled[1], "something is broken in this pack"


def test_an_object_that_exceeds_the_memory_is_skipped_alone(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build()
    large = built.blob(bytes(3_000_000))
    for number in range(20):
        built.blob(b"small %d" % number)
    built.git(
        "pack-objects", "-q", ".git/objects/pack/pack", given="".join(f"{n}\n" for n in built.every_object()).encode()
    )
    built.git("prune-packed")
    interpreted = load_interpreted("detector.git.pack_walker")
    inflate = interpreted.inflate

    def inflate_all_but_the_large_one(data: memoryview, size: int) -> bytes:
        if size == 3_000_000:
            raise MemoryError
        return bytes(inflate(data, size))

    monkeypatch.setattr(interpreted, "inflate", inflate_all_but_the_large_one)
    monkeypatch.setattr(shares, "PackWalker", interpreted.PackWalker)
    read, skipped = read_all(repository.discover(str(built.path)))
    assert skipped == [Skipped(large, "not enough memory")]
    assert read.keys() == built.every_object().keys() - {large}
