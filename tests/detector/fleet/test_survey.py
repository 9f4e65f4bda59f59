"""Which objects a repository holds, and whether anything has changed that decides its findings."""

import subprocess
from pathlib import Path

import pytest

from detector.fleet.inventory import list_repositories
from detector.fleet.object_ids import split_rows
from detector.fleet.survey import PACK_SIZE_BYTES, compute_state_digest, list_objects, survey
from detector.fleet.tasks import Survey
from detector.fleet.worker import Worker
from detector.git.repository import discover
from detector.git.shares import list_packs, read_pack_key
from tests.detector.fleet import synthetic
from tests.detector.fleet.sweep_runner import SweepRunner


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return synthetic.make_repository(tmp_path / "fleet" / "r.git", 1)


def list_by_git(bare: Path) -> set[str]:
    return set(
        synthetic.run_git(bare, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").decode().split()
    )


def test_all_objects_are_listed_packed_or_loose_but_not_those_of_known_packs(bare):
    synthetic.run_git(bare, "repack", "-adq")
    packed = list_by_git(bare)
    loose = synthetic.run_git(bare, "hash-object", "-w", "--stdin", given=b"more").decode().strip()
    repository = discover(str(bare))
    ids, size = list_objects(repository, frozenset())
    assert {one.hex() for one in split_rows(ids, 20)} == {*packed, loose} == list_by_git(bare)
    (pack,) = list_packs(repository, [])
    assert size == Path(f"{pack}.pack").stat().st_size
    key = read_pack_key(f"{pack}.pack", 20)
    assert len(key) == 20 + PACK_SIZE_BYTES
    assert list_objects(repository, frozenset([key])) == (bytes.fromhex(loose), 0)


def test_the_digest_changes_with_refs_objects_rules_and_policy_and_with_nothing_else(bare, tmp_path):
    settings, _ = SweepRunner(tmp_path / "fleet", "").settings()

    def digest(settings=settings) -> str:
        return compute_state_digest(discover(str(bare)), settings)

    first = digest()
    (bare / "description").write_text("another one")
    assert digest() == first
    assert digest(settings._replace(rules_digest="other")) != first
    assert digest(settings._replace(owners=(("a", "b"),))) != first
    assert digest(settings._replace(config=settings.config._replace(min_confidence="low"))) != first
    synthetic.run_git(bare, "branch", "other", "main")
    second = digest()
    assert second != first
    synthetic.run_git(bare, "hash-object", "-w", "--stdin", given=b"more")
    assert digest() not in (first, second)


def test_an_unchanged_repository_is_not_listed(bare, tmp_path):
    worker = Worker(SweepRunner(tmp_path / "fleet", "").settings()[0])
    (entry,) = list_repositories([str(bare)])
    (first,) = survey(worker, Survey(entry))
    assert len(split_rows(first.ids, 20)) == len(list_by_git(bare)) and not first.unchanged
    (second,) = survey(worker, Survey(entry, first.state_digest))
    assert (second.unchanged, second.ids) == (True, b"")


def test_a_store_in_an_unknown_layout_is_listed_by_git(tmp_path):
    bare = tmp_path / "r.git"
    bare.mkdir()
    made = subprocess.run(
        ["git", "-C", str(bare), "init", "-q", "--bare", "--object-format=sha256"], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip("this git knows no sha256")
    name = synthetic.run_git(bare, "hash-object", "-w", "--stdin", given=b"more").decode().strip()
    for layout in (True, False):
        ids, _ = list_objects(discover(str(bare))._replace(known_layout=layout), frozenset())
        assert ids.hex() == name
