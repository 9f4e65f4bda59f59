"""What is recognised as a damaged clone."""

import os
from pathlib import Path

import pytest

from detector.fleet.clone_damage import find_damage, suggests_damage
from detector.model import Skipped
from tests.fakes.git_server import git, repository


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    made = repository(tmp_path, "app.git", readme="text", other=os.urandom(2000).hex())
    git(made, "repack", "-adq")
    return made


def find_pack(bare: Path, suffix: str) -> Path:
    (path,) = (bare / "objects" / "pack").glob(f"*.{suffix}")
    path.chmod(0o600)
    return path


def cut_pack(bare: Path) -> None:
    path = find_pack(bare, "pack")
    path.write_bytes(path.read_bytes()[:-100])


def empty_pack(bare: Path) -> None:
    find_pack(bare, "pack").write_bytes(b"")


def remove_index(bare: Path) -> None:
    find_pack(bare, "idx").unlink()


def remove_head(bare: Path) -> None:
    (bare / "HEAD").unlink()


@pytest.mark.parametrize("damage", [cut_pack, empty_pack, remove_index, remove_head])
def test_a_clone_that_was_cut_is_damaged(bare, damage):
    assert find_damage(str(bare)) == ""
    damage(bare)
    assert find_damage(str(bare))


def test_only_objects_and_packs_suggest_a_damaged_clone():
    assert suggests_damage([Skipped("a" * 40, "compressed data is corrupt")])
    assert suggests_damage([Skipped("/clones/x.git/objects/pack/pack-1.pack", "is cut off")])
    assert not suggests_damage([Skipped("x.zip", "has a password"), Skipped("a" * 40, "over the size limit")])
    assert not suggests_damage([Skipped("a" * 40, "is missing", expected=True)])
