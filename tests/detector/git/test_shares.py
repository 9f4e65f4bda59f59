"""Dividing a repository into shares and reading every object once."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector.git import deltas, objects, repository, shares
from detector.git.repository import ANYWHERE
from detector.model import OBJECT_KINDS, Skipped
from tests.detector.git.building import Built
from tests.detector.git.reading import EVERY, read_all


@pytest.fixture(autouse=True)
def _allow_small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide even the small repositories of these tests."""
    monkeypatch.setattr(shares, "_MIN_SHARE_COST", 1.0)


@pytest.mark.parametrize("form", ["sha1", "sha256"])
@pytest.mark.parametrize("offsets", ["true", "false"])
@pytest.mark.parametrize("workers", [1, 3])
def test_all_objects_equal_those_of_git(build: Callable[..., Built], form: str, offsets: str, workers: int) -> None:
    built = build("repo", f"--object-format={form}")
    built.history(20)
    built.git("tag", "-a", "-m", "signed off", "v1")
    built.git("-c", f"repack.useDeltaBaseOffset={offsets}", "repack", "-adfq", "--depth=30")
    built.history(6, seed=2)
    built.git("repack", "-dq")  # a second pack
    built.history(2, seed=3)  # and loose objects
    built.blob(b"dangling")
    assert read_all(repository.discover(str(built.path)), workers) == (built.every_object(), [])


def test_trees_are_read_only_if_wanted(build: Callable[..., Built]) -> None:
    built = build()
    built.history(4)
    built.git("repack", "-adq")
    built.history(2, seed=2)
    read, _ = read_all(repository.discover(str(built.path)), kinds=OBJECT_KINDS)
    assert read == {name: value for name, value in built.every_object().items() if value[0] != "tree"}


def test_objects_stored_twice_are_yielded_once(build: Callable[..., Built], tmp_path: Path) -> None:
    lender = build("lender")
    lender.history(10)
    lender.git("repack", "-adq")
    lender.git("clone", "-q", "--shared", ".", str(tmp_path / "borrower"))
    borrower = Built(tmp_path / "borrower", "exists")
    borrower.history(3, seed=5)
    borrower.git("repack", "-aq")  # packs everything again, keeps the loose files and the alternate
    found = repository.discover(str(borrower.path), allow=[ANYWHERE])
    assert len(found.object_dirs) == 2
    assert read_all(found) == (borrower.every_object(), [])


def test_excluded_objects_are_not_read(build: Callable[..., Built]) -> None:
    built = build()
    built.history(10)
    built.git("repack", "-adq")
    built.history(2, seed=2)
    oracle = built.every_object()
    done = sorted(oracle)[::2]
    expected = {name: value for name, value in oracle.items() if name not in done}
    found = repository.discover(str(built.path))
    assert read_all(found, exclude={bytes.fromhex(name) for name in done}) == (expected, [])
    rows = np.frombuffer(bytes.fromhex("".join(done)), np.uint8).reshape(-1, 20)
    assert read_all(found, exclude=rows) == (expected, [])
    assert read_all(found, exclude=map(bytes.fromhex, oracle)) == ({}, [])


def test_the_plan_lists_all_ids_and_its_shares_have_similar_costs(build: Callable[..., Built]) -> None:
    built = build()
    built.history(30)
    built.git("repack", "-adfq")
    plan = shares.plan_shares(repository.discover(str(built.path)), EVERY, 2, per_worker=4)
    assert {row.tobytes().hex() for row in plan.ids} == set(built.every_object())
    assert len(plan.shares) == 8
    costs = [share.cost for share in plan.shares]
    assert max(costs) < 2 * sum(costs) / len(costs)


def test_objects_carry_their_base_and_delta(build: Callable[..., Built]) -> None:
    built = build()
    built.history(15)
    built.git("repack", "-adfq")
    oracle = built.every_object()
    skipped: list[Skipped] = []
    made = 0
    for share in shares.plan_shares(repository.discover(str(built.path)), EVERY, 3).shares:
        for entry in shares.read_share(share, skipped):
            assert (entry.base is None) == (entry.depth == 0)
            if entry.base:
                assert deltas.apply_delta(oracle[entry.base.hex()][1], entry.delta, 1 << 20) == entry.data
                made += 1
    assert made and not skipped


def test_packs_replaced_by_git_after_planning_are_still_read(build: Callable[..., Built]) -> None:
    built = build()
    built.history(8)
    built.git("repack", "-adq")
    built.history(3, seed=2)
    found = repository.discover(str(built.path))
    plan = shares.plan_shares(found, EVERY, 2)
    built.git("repack", "-adfq", "--window=3")
    built.git("prune-packed")
    skipped: list[Skipped] = []
    read = {
        entry.id.hex(): (entry.kind, entry.data) for share in plan.shares for entry in shares.read_share(share, skipped)
    }
    assert (read, skipped) == (built.every_object(), [])


def test_an_unknown_format_is_read_through_git(build: Callable[..., Built]) -> None:
    built = build()
    built.history(6)
    built.git("repack", "-adq")
    found = repository.discover(str(built.path))._replace(known_layout=False)
    assert read_all(found) == (built.every_object(), [])
    first = sorted(built.every_object())[0]
    read, _ = read_all(found, exclude=[bytes.fromhex(first)])
    assert set(read) == set(built.every_object()) - {first}


def test_an_index_of_version_1_is_read(build: Callable[..., Built]) -> None:
    built = build()
    built.history(6)
    built.git("-c", "pack.indexVersion=1", "repack", "-adq")
    assert read_all(repository.discover(str(built.path))) == (built.every_object(), [])


def test_all_objects_of_shallow_and_partial_clones_are_read(build: Callable[..., Built], tmp_path: Path) -> None:
    origin = build("origin")
    origin.history(6)
    origin.git("config", "uploadpack.allowFilter", "true")
    for name, option in (("shallow", "--depth=2"), ("partial", "--filter=blob:none")):
        origin.git("clone", "-q", "--bare", option, f"file://{origin.path}", str(tmp_path / name))
        clone = Built(tmp_path / name, "exists")
        assert read_all(repository.discover(str(clone.path))) == (clone.every_object(), [])


def damage(built: Built, at: Callable[[bytes], int], value: int) -> Path:
    (path,) = (built.path / ".git/objects/pack").glob("*.pack")
    content = bytearray(path.read_bytes())
    content[at(bytes(content))] ^= value
    os.chmod(path, 0o644)
    path.write_bytes(content)
    return path


def test_a_damaged_object_is_reported_and_the_others_are_read(build: Callable[..., Built]) -> None:
    built = build()
    built.history(6)
    built.git("repack", "-adq")
    oracle = built.every_object()
    (path,) = (built.path / ".git/objects/pack").glob("*.pack")
    lines = [line.split() for line in built.git("verify-pack", "-v", str(path)).splitlines()]
    leaf = next(words for words in lines if len(words) == 7)
    position = int(leaf[4]) + int(leaf[3]) - 3
    damage(built, lambda _: position, 0x55)
    read, skipped = read_all(repository.discover(str(built.path)))
    lost = {skip.where for skip in skipped}
    assert leaf[0] in lost and not any(skip.expected for skip in skipped)
    assert read == {name: value for name, value in oracle.items() if name not in lost}


def test_a_truncated_pack_and_a_foreign_index_are_reported(build: Callable[..., Built]) -> None:
    built = build()
    built.history(6)
    built.git("repack", "-adq")
    (path,) = (built.path / ".git/objects/pack").glob("*.pack")
    os.chmod(path, 0o644)
    path.write_bytes(path.read_bytes()[:500])
    read, skipped = read_all(repository.discover(str(built.path)))
    assert not read and skipped and all(not skip.expected for skip in skipped)
    os.remove(path.with_suffix(".idx"))
    read, skipped = read_all(repository.discover(str(built.path)))
    assert [skip.reason for skip in skipped] == ["pack without an index"]


def test_a_damaged_loose_file_is_reported(build: Callable[..., Built]) -> None:
    built = build()
    name = built.blob(b"some content")
    path = built.path / ".git/objects" / name[:2] / name[2:]
    os.chmod(path, 0o644)
    path.write_bytes(zlib.compress(b"blob 99\0short"))
    read, skipped = read_all(repository.discover(str(built.path)))
    assert not read and [skip.where for skip in skipped] == [name]


def test_objects_over_the_budget_are_reported_and_not_read(build: Callable[..., Built]) -> None:
    built = build()
    built.history(6)
    large = built.blob(os.urandom(100) * 2000)
    built.git("repack", "-adfq")
    found = repository.discover(str(built.path))
    skipped: list[Skipped] = []
    limit = objects.ObjectBudget(object=100_000)
    read = {
        entry.id.hex()
        for share in shares.plan_shares(found).shares
        for entry in shares.read_share(share, skipped, limit)
    }
    assert large not in read and large in {skip.where for skip in skipped}
    skipped.clear()
    short = objects.ObjectBudget(chain=20_000)
    for share in shares.plan_shares(found, EVERY).shares:
        for entry in shares.read_share(share, skipped, short):
            read.add(entry.id.hex())
    assert any("chain" in skip.reason for skip in skipped)


def test_an_empty_repository_has_no_shares(build: Callable[..., Built]) -> None:
    built = build()
    assert read_all(repository.discover(str(built.path))) == ({}, [])
    shutil.rmtree(built.path / ".git/objects/pack")
    assert read_all(repository.discover(str(built.path))) == ({}, [])
