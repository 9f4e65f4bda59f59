"""Remembering what was read."""

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
from detector.git.known_objects import Memory
from detector.model import Skipped
from tests.detector.git.building import Built

RULES = {"a.key": "1", "b.key": "2"}


def rows(*names: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(-1, len(names[0]) // 2)


def hexes(ids: np.ndarray) -> list[str]:
    return [row.tobytes().hex() for row in ids]


def run(built: Built, state: Path, flag: bytes = b"\0never", rules: dict[str, str] = RULES) -> list[str]:
    """Read what is new, as a scan does; return the ids that were read."""
    found = repository.discover(str(built.path))
    kept = Memory(str(state), rules)
    width = found.id_bytes
    plan = shares.plan(found, exclude=kept.known(width), known_packs=kept.packs, again=kept.again)
    skipped: list[Skipped] = list(plan.skipped)
    read, flagged = [], []
    for share in plan.shares:
        for entry in shares.read(share, skipped):
            read.append(entry.id.hex())
            if flag in entry.data:
                flagged.append(entry.id.hex())
    assert not skipped
    kept.remember(plan.ids, plan.packs, flagged)
    kept.save()
    return read


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_an_unchanged_repository_costs_nothing(
    build: Callable[..., Built], tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build("repo", f"--object-format={form}")
    built.history(4)
    built.git("repack", "-adq")
    state = tmp_path / "state"
    assert run(built, state)
    monkeypatch.setattr(shares, "read_index", None)  # would fail if it were called
    assert run(built, state) == []


def test_only_new_objects_are_read_after_a_commit_and_none_after_a_repack(
    build: Callable[..., Built], tmp_path: Path
) -> None:
    built = build()
    built.history(4)
    built.git("repack", "-adq")
    state = tmp_path / "state"
    run(built, state)
    commit = built.commit("new.txt", b"new")
    assert sorted(run(built, state)) == sorted([commit, built.blob(b"new")])
    built.git("repack", "-adfq")
    assert run(built, state) == []


def test_objects_with_findings_are_read_every_time_until_they_are_gone(
    build: Callable[..., Built], tmp_path: Path
) -> None:
    built = build()
    name = built.blob(b"SECRET")
    built.history(2)
    built.git("repack", "-adq")
    state = tmp_path / "state"
    run(built, state, b"SECRET")
    for _ in range(2):
        assert run(built, state, b"SECRET") == [name]
    built.git("prune", "--expire=now")
    built.git("repack", "-adq")
    assert run(built, state, b"SECRET") == []


def test_changed_rules_make_what_is_known_older(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    kept = Memory(path, RULES)
    kept.remember(rows("11" * 20, "22" * 20), [b"mark"], ["22" * 20])
    kept.save()
    same = Memory(path, RULES)
    assert hexes(same.known()) == ["11" * 20] and same.packs == {b"mark"} and same.again == ("22" * 20,)
    assert len(same.older()) == 0 and not same.changed
    fewer = Memory(path, {"a.key": "1"})
    assert hexes(fewer.known()) == ["11" * 20]
    more = Memory(path, {**RULES, "a.key": "other", "c.key": "3"})
    assert more.changed == {"a.key", "c.key"}
    assert len(more.known()) == 0 and not more.packs and not more.again
    assert hexes(more.older()) == ["11" * 20]


def test_ids_of_both_lengths_live_in_one_file(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    kept = Memory(path, RULES)
    kept.remember(rows("22" * 20, "11" * 20))
    kept.remember(rows("33" * 32))
    kept.remember(rows("11" * 20, "00" * 20))
    kept.save()
    again = Memory(path, RULES)
    assert hexes(again.known()) == ["00" * 20, "11" * 20, "22" * 20]
    assert hexes(again.known(32)) == ["33" * 32]
    assert oct(os.stat(path).st_mode & 0o777) == "0o600"
    assert os.listdir(tmp_path) == ["state"]


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_state_is_ignored_with_a_note(tmp_path: Path, seed: int, cut: bool) -> None:
    path = tmp_path / "state"
    kept = Memory(str(tmp_path / "none"), RULES)
    kept.path = str(path)
    kept.remember(rows("11" * 20, "22" * 20), [b"mark"], ["22" * 20])
    kept.save()
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content))
    if cut:
        del content[place:]
    else:
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    found = Memory(str(path), RULES)
    assert found.notes and "read again" in found.notes[0]
    assert len(found.known()) == 0 and not found.packs and not found.again and not found.changed


def test_a_state_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    kept = Memory(str(tmp_path / "no" / "state"), RULES)
    assert not kept.notes
    with pytest.raises(StateError, match="cannot be written"):
        kept.save()
