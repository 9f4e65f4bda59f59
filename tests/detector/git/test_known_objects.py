"""The file of known objects."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.errors import StateError
from detector.git import repository, shares
from detector.git.known_objects import KnownObjectsFile
from detector.model import Skipped
from tests.detector.git.building import Built

RULES = {"a.key": "1", "b.key": "2"}


def make_rows(*names: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(-1, len(names[0]) // 2)


def to_hex(ids: np.ndarray) -> list[str]:
    return [row.tobytes().hex() for row in ids]


def read_new(built: Built, state: Path, flag: bytes = b"\0never", rules: dict[str, str] = RULES) -> list[str]:
    """Read new objects as a scan does; return the ids that were read."""
    found = repository.discover(str(built.path))
    known = KnownObjectsFile(str(state), rules)
    width = found.id_bytes
    plan = shares.plan_shares(
        found, exclude=known.get_known_ids(width), known_packs=known.known_packs, reread=known.flagged
    )
    skipped: list[Skipped] = list(plan.skipped)
    read, flagged = [], []
    for share in plan.shares:
        for entry in shares.read_share(share, skipped):
            read.append(entry.id.hex())
            if flag in entry.data:
                flagged.append(entry.id.hex())
    assert not skipped
    known.add(plan.ids, plan.pack_keys, flagged)
    known.save()
    return read


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_nothing_of_an_unchanged_repository_is_read(
    build: Callable[..., Built], tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build("repo", f"--object-format={form}")
    built.history(4)
    built.git("repack", "-adq")
    state = tmp_path / "state"
    assert read_new(built, state)
    monkeypatch.setattr(shares, "read_index", None)  # would fail if it were called
    assert read_new(built, state) == []


def test_only_new_objects_are_read_after_a_commit_and_none_after_a_repack(
    build: Callable[..., Built], tmp_path: Path
) -> None:
    built = build()
    built.history(4)
    built.git("repack", "-adq")
    state = tmp_path / "state"
    read_new(built, state)
    commit = built.commit("new.txt", b"new")
    assert sorted(read_new(built, state)) == sorted([commit, built.blob(b"new")])
    built.git("repack", "-adfq")
    assert read_new(built, state) == []


def test_objects_with_findings_are_read_every_time_while_they_exist(
    build: Callable[..., Built], tmp_path: Path
) -> None:
    built = build()
    name = built.blob(b"SECRET")
    built.history(2)
    built.git("repack", "-adq")
    state = tmp_path / "state"
    read_new(built, state, b"SECRET")
    for _ in range(2):
        assert read_new(built, state, b"SECRET") == [name]
    built.git("prune", "--expire=now")
    built.git("repack", "-adq")
    assert read_new(built, state, b"SECRET") == []


def test_changed_rules_make_known_ids_outdated(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    known = KnownObjectsFile(path, RULES)
    known.add(make_rows("11" * 20, "22" * 20), [b"key"], ["22" * 20])
    known.save()
    same = KnownObjectsFile(path, RULES)
    assert to_hex(same.get_known_ids()) == ["11" * 20] and same.known_packs == {b"key"} and same.flagged == ("22" * 20,)
    assert len(same.get_outdated_ids()) == 0 and not same.changed
    fewer = KnownObjectsFile(path, {"a.key": "1"})
    assert to_hex(fewer.get_known_ids()) == ["11" * 20]
    more = KnownObjectsFile(path, {**RULES, "a.key": "other", "c.key": "3"})
    assert more.changed == {"a.key", "c.key"}
    assert len(more.get_known_ids()) == 0 and not more.known_packs and not more.flagged
    assert to_hex(more.get_outdated_ids()) == ["11" * 20]


def test_one_file_contains_ids_of_both_lengths(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    known = KnownObjectsFile(path, RULES)
    known.add(make_rows("22" * 20, "11" * 20))
    known.add(make_rows("33" * 32))
    known.add(make_rows("11" * 20, "00" * 20))
    known.save()
    again = KnownObjectsFile(path, RULES)
    assert to_hex(again.get_known_ids()) == ["00" * 20, "11" * 20, "22" * 20]
    assert to_hex(again.get_known_ids(32)) == ["33" * 32]
    assert oct(os.stat(path).st_mode & 0o777) == "0o600"
    assert os.listdir(tmp_path) == ["state"]


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_ignored_with_a_note(tmp_path: Path, seed: int, cut: bool) -> None:
    path = tmp_path / "state"
    known = KnownObjectsFile(str(tmp_path / "none"), RULES)
    known.path = str(path)
    known.add(make_rows("11" * 20, "22" * 20), [b"key"], ["22" * 20])
    known.save()
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    position = chance.randrange(len(content))
    if cut:
        del content[position:]
    else:
        content[position] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    found = KnownObjectsFile(str(path), RULES)
    assert found.notes and "read again" in found.notes[0]
    assert len(found.get_known_ids()) == 0 and not found.known_packs and not found.flagged and not found.changed


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    known = KnownObjectsFile(str(tmp_path / "no" / "state"), RULES)
    assert not known.notes
    with pytest.raises(StateError, match="cannot be written"):
        known.save()


def test_a_state_under_another_key_is_not_believed(tmp_path: Path) -> None:
    """It may have come with the repository, and say that everything was read already."""
    path = str(tmp_path / "state")
    theirs = KnownObjectsFile(path, {"a": "1"}, b"theirs" * 4)
    theirs.add(np.zeros((1, 20), np.uint8))
    theirs.save()
    assert len(KnownObjectsFile(path, {"a": "1"}, b"theirs" * 4).get_known_ids()) == 1
    for key in (b"", b"ours" * 8):
        ours = KnownObjectsFile(path, {"a": "1"}, key)
        assert not len(ours.get_known_ids())
        assert "was not written by this user" in ours.notes[0]


def test_a_pipe_in_place_of_the_state_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state")
    assert "no plain file" in KnownObjectsFile(str(tmp_path / "state"), {}).notes[0]
