"""Parsing pack indexes and object headers."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.git import pack_walker, packs
from tests.detector.git.building import Built


def load_pack(path: Path, width: int = 20) -> tuple[packs.PackIndex, packs.PackObjects, np.ndarray]:
    index = packs.read_index(str(path.with_suffix(".idx")), width)
    data, _ = packs.open_pack(str(path.with_suffix(".pack")), width)
    pack = np.frombuffer(data, np.uint8)
    ranks = packs.read_reverse_index(str(path.with_suffix(".rev")), len(index.offsets))
    return index, packs.read_headers(pack, index, width, ranks), pack


def get_only_pack(built: Built) -> Path:
    (path,) = (built.path / ".git/objects/pack").glob("*.pack")
    return path


@pytest.mark.parametrize("form", ["sha1", "sha256"])
@pytest.mark.parametrize("offsets", ["true", "false"])
def test_types_sizes_bases_and_depths_equal_those_of_git(build: Callable[..., Built], form: str, offsets: str) -> None:
    built = build("repo", f"--object-format={form}")
    built.history(30)
    built.git("-c", f"repack.useDeltaBaseOffset={offsets}", "repack", "-adfq", "--depth=20")
    width = 32 if form == "sha256" else 20
    index, found, pack = load_pack(get_only_pack(built), width)
    kinds = set((pack[index.offsets] >> 4 & 7).tolist())
    assert (packs.OFS_DELTA if offsets == "true" else packs.REF_DELTA) in kinds
    expected = {}
    for line in built.git("verify-pack", "-v", str(get_only_pack(built))).splitlines():
        words = line.split()
        if len(words) >= 5 and len(words[0]) == 2 * width:
            expected[words[0]] = (words[1], int(words[2]), *(words[5:] or ["0", ""]))
    assert len(expected) == len(found.row) > 60
    names = [index.ids[row].tobytes().hex() for row in found.row]
    for number, name in enumerate(names):
        kind, size, depth, base = expected[name]
        assert pack_walker.KINDS[found.kind[number]] == kind
        assert found.size[number] == size
        assert found.depth[number] == int(depth)
        assert names[found.base[number]] == (base or name)


def test_a_wrong_reverse_index_is_ignored(build: Callable[..., Built]) -> None:
    built = build()
    built.history(5)
    built.git("repack", "-adq")
    index, found, pack = load_pack(get_only_pack(built))
    wrong = np.roll(found.row, 1)
    for ranks in (wrong, found.row[:-1], np.full(len(found.row), 10**6)):
        again = packs.read_headers(pack, index, 20, ranks)
        assert np.array_equal(again.row, found.row)


def test_bases_come_before_their_deltas_and_largest_families_last(build: Callable[..., Built]) -> None:
    built = build()
    built.history(40)
    built.git("repack", "-adfq", "--window=50")
    _, found, _ = load_pack(get_only_pack(built))
    every = found.kind > 0
    walk = packs.plan_walk(found, every, every)
    assert sorted(walk.node.tolist()) == list(range(len(found.row)))
    in_memory: dict[int, int] = {}
    most = 0
    for node, depth, flags in zip(walk.node.tolist(), walk.depth.tolist(), walk.flags.tolist(), strict=True):
        if depth:
            base = int(found.base[node])
            assert in_memory[depth - 1] == base
            if flags & packs.LAST_CHILD:
                del in_memory[depth - 1]
        if flags & packs.HAS_CHILDREN:
            in_memory[depth] = node
        most = max(most, len(in_memory))
    assert not in_memory
    assert most <= len(found.row).bit_length() + 1


def test_only_wanted_objects_and_their_bases_are_walked(build: Callable[..., Built]) -> None:
    built = build()
    built.history(30)
    built.git("repack", "-adfq")
    _, found, _ = load_pack(get_only_pack(built))
    deepest = int(found.depth.argmax())
    wanted = np.zeros(len(found.row), bool)
    wanted[deepest] = True
    walk = packs.plan_walk(found, found.kind > 0, wanted)
    assert len(walk.node) == found.depth[deepest] + 1
    assert [flag & packs.WANTED for flag in walk.flags.tolist()] == [0] * (len(walk.node) - 1) + [1]
    nothing = packs.plan_walk(found, found.kind > 0, np.zeros(len(found.row), bool))
    assert len(nothing.node) == 0


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    built = Built(tmp_path_factory.mktemp("sample") / "repo")
    built.history(8)
    built.git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adq")
    path = get_only_pack(built)
    return path.with_suffix(".idx").read_bytes(), path.read_bytes()


@given(st.integers(0, 2**32), st.integers(1, 40), st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_marks_objects_as_broken_or_is_a_pack_error(
    sample: tuple[bytes, bytes], tmp_path: Path, seed: int, changes: int, cut: bool
) -> None:
    chance = random.Random(seed)
    files = [bytearray(part) for part in sample]
    for _ in range(changes):
        which = files[chance.randrange(2)]
        position = chance.choice([chance.randrange(len(which)), chance.randrange(8, 1100), chance.randrange(12)])
        which[position % len(which)] = chance.choice([0, 255, 0x7F, 0x80, chance.randrange(256)])
    if cut:
        which = files[chance.randrange(2)]
        del which[chance.randrange(len(which)) :]
    (tmp_path / "x.idx").write_bytes(files[0])
    (tmp_path / "x.pack").write_bytes(files[1])
    try:
        _, found, pack = load_pack(tmp_path / "x.pack")
    except packs.PackError:
        return
    good = found.kind > 0
    assert (found.end[good] <= len(pack) - 20).all()
    assert (found.body[good] < found.end[good]).all()
    walk = packs.plan_walk(found, good, good)
    assert len(walk.node) == good.sum()


def test_a_cycle_of_deltas_is_broken(tmp_path: Path) -> None:
    ids = np.array([[1] * 20, [2] * 20, [3] * 20], np.uint8)
    body = b"\x70" + bytes([2] * 20) + b"xxxx" + b"\x70" + bytes([1] * 20) + b"xxxx"  # each the other's base
    body += b"\x70" + bytes([3] * 20) + b"xxxx"  # its own base
    pack = np.frombuffer(b"PACK" + bytes(8) + body + bytes(20), np.uint8)
    index = packs.PackIndex(ids, np.array([12, 37, 62]), b"")
    found = packs.read_headers(pack, index)
    assert found.kind.tolist() == [0, 0, 0]


def test_a_size_beyond_64_bits_makes_an_object_broken() -> None:
    ids = np.array([[1] * 20, [2] * 20], np.uint8)
    body = b"\xb0" + b"\x80" * 7 + b"\xf8\x0f" + b"xxxx" + b"\x34" + b"xxxx"  # 62 bits of zeros, then some more
    pack = np.frombuffer(b"PACK" + bytes(8) + body + bytes(20), np.uint8)
    found = packs.read_headers(pack, packs.PackIndex(ids, np.array([12, 26]), b""))
    assert found.kind.tolist() == [0, packs.BLOB]


def test_ids_with_equal_prefixes_are_distinguished() -> None:
    rows = np.zeros((6, 20), np.uint8)
    rows[:, 19] = np.arange(6)
    ids = packs.sort_ids(rows[[4, 1, 5, 1, 0]])
    assert ids[:, 19].tolist() == [0, 1, 4, 5]
    assert packs.find_rows(ids, rows).tolist() == [0, 1, -1, -1, 2, 3]
