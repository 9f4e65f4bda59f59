from __future__ import annotations

import hashlib
import hmac
import json
import os
import pathlib
import re

import pytest

from detector.errors import RotationError, StateError
from rotators.core.journal import GENESIS, Journal, JournalPhase
from rotators.core.locks import hold_run_lock, local_key, make_lock_name
from rotators.core.model import Clock, to_canonical_json

CLOCK = Clock(lambda: 1_700_000_000.0, lambda seconds: None)


@pytest.fixture
def journal(tmp_path: pathlib.Path) -> Journal:
    return Journal(str(tmp_path), local_key(str(tmp_path)), CLOCK)


def fill(journal: Journal, lines: int = 4) -> None:
    for n in range(lines):
        journal.append("run", f"step{n}", JournalPhase.INTEND if n % 2 else JournalPhase.DONE, {"handle": f"id-{n}"})


def test_lines_come_back_in_order_and_the_chain_holds(journal: Journal) -> None:
    fill(journal)
    assert [entry.step for entry in journal.entries("run")] == ["step0", "step1", "step2", "step3"]
    assert journal.entries("another") == []
    assert journal.check() == []


def test_nobody_else_may_read_it(journal: Journal, tmp_path: pathlib.Path) -> None:
    fill(journal)
    for name in os.listdir(tmp_path):
        assert os.stat(tmp_path / name).st_mode & 0o077 == 0, name


def test_an_edited_line_shows(journal: Journal) -> None:
    fill(journal)
    data = pathlib.Path(journal.path).read_bytes()
    pathlib.Path(journal.path).write_bytes(data.replace(b"id-1", b"id-9"))
    assert journal.check() == ["line 2: was changed after it was written"]


def test_a_removed_line_shows(journal: Journal) -> None:
    fill(journal)
    lines = pathlib.Path(journal.path).read_bytes().splitlines(keepends=True)
    pathlib.Path(journal.path).write_bytes(b"".join(lines[:1] + lines[2:]))
    assert "line 2: does not follow the line before it" in journal.check()


@pytest.mark.parametrize("left", [0, 1, 3])
def test_a_cut_end_shows(journal: Journal, left: int) -> None:
    fill(journal)
    lines = pathlib.Path(journal.path).read_bytes().splitlines(keepends=True)
    pathlib.Path(journal.path).write_bytes(b"".join(lines[:left]))
    assert journal.check() == [f"{4 - left} line(s) were cut from the end"]


def test_a_rewritten_chain_shows_without_the_key(journal: Journal, tmp_path: pathlib.Path) -> None:
    fill(journal)
    forged = Journal(str(tmp_path), b"x" * 32, CLOCK)
    os.unlink(journal.path)
    fill(forged)
    assert journal.check() == ["journal.head was not written by this machine's key"]


def test_a_torn_last_line_is_cut_before_the_next_one(journal: Journal) -> None:
    fill(journal)
    with open(journal.path, "ab") as file:
        file.write(b'{"n": 5, "half')
    assert len(journal.entries()) == 4
    journal.append("run", "step4", JournalPhase.DONE)
    assert [entry.n for entry in journal.entries()] == [1, 2, 3, 4, 5]
    assert journal.check() == []


def test_a_crash_between_line_and_head_is_no_fraud(journal: Journal, tmp_path: pathlib.Path) -> None:
    fill(journal)
    head = (tmp_path / "journal.head").read_bytes()
    journal.append("run", "step4", JournalPhase.DONE)
    (tmp_path / "journal.head").write_bytes(head)
    assert journal.check() == []


def test_a_damaged_line_is_an_error_and_not_an_empty_run(journal: Journal) -> None:
    fill(journal)
    with open(journal.path, "ab") as file:
        file.write(json.dumps({"n": 1}).encode() + b"\n")
    with pytest.raises(StateError, match=":5:"):
        journal.entries()


def test_a_lock_is_held_once(tmp_path: pathlib.Path) -> None:
    name = make_lock_name(b"k" * 32, "aws-iam", "AKIA")
    assert "AKIA" not in name
    with hold_run_lock(str(tmp_path), name):
        with pytest.raises(RotationError, match="another process"), hold_run_lock(str(tmp_path), name):
            pass
        with hold_run_lock(str(tmp_path), make_lock_name(b"k" * 32, "aws-iam", "other")):
            pass
    with hold_run_lock(str(tmp_path), name):
        pass


def test_a_key_that_others_can_read_is_refused(tmp_path: pathlib.Path) -> None:
    first = local_key(str(tmp_path))
    assert local_key(str(tmp_path)) == first
    os.chmod(tmp_path / "key", 0o644)
    with pytest.raises(StateError, match="chmod 600"):
        local_key(str(tmp_path))


def test_each_line_names_who_wrote_it(journal: Journal) -> None:
    fill(journal, 1)
    (entry,) = journal.entries()
    assert re.fullmatch(r".+@.+", entry.who)


def rewrite(journal: Journal, key: bytes | None) -> None:
    """Change line 2 and chain the rest again, with *key* or, as earlier versions did, without one."""
    lines = [json.loads(line) for line in pathlib.Path(journal.path).read_bytes().splitlines()]
    lines[1]["facts"] = {"handle": "another"}
    prev = GENESIS
    for line in lines:
        line.pop("hash")
        line["prev"] = prev
        if key is None:
            line.pop("who")
            line["hash"] = hashlib.sha256(prev.encode() + to_canonical_json(line)).hexdigest()
        else:
            line["hash"] = hmac.new(key, b"line" + to_canonical_json(line), hashlib.sha256).hexdigest()
        prev = line["hash"]
    pathlib.Path(journal.path).write_bytes(b"".join(to_canonical_json(line) + b"\n" for line in lines))


@pytest.mark.parametrize("key", [None, b"x" * 32])
@pytest.mark.parametrize("head", ["kept", "removed"])
def test_a_rewritten_log_shows_also_after_the_next_line(journal: Journal, key: bytes | None, head: str) -> None:
    fill(journal)
    rewrite(journal, key)
    if head == "removed":
        os.unlink(f"{pathlib.Path(journal.path).parent}/journal.head")
    assert journal.check()
    fill(journal, 2)
    assert journal.check()
    fill(journal, 1)
    assert journal.check()


def test_an_older_copy_shows_by_an_anchor(journal: Journal, tmp_path: pathlib.Path) -> None:
    fill(journal)
    old = {name: (tmp_path / name).read_bytes() for name in ("journal.jsonl", "journal.head")}
    fill(journal)
    anchor = journal.get_anchor()
    assert journal.check(anchor) == []
    for name, data in old.items():
        (tmp_path / name).write_bytes(data)
    assert journal.check() == []
    assert "set back" in journal.check(anchor)[0]
    with pytest.raises(StateError):
        journal.check("nonsense")


def test_lines_of_an_earlier_version_are_read(journal: Journal, tmp_path: pathlib.Path) -> None:
    """They were chained without a key; the head with one."""
    fill(journal, 2)
    rewrite(journal, None)
    last = journal.entries()[-1]
    mac = hmac.new(local_key(str(tmp_path)), b"head" + to_canonical_json([last.n, last.hash]), hashlib.sha256)
    head = {"n": last.n, "hash": last.hash, "mac": mac.hexdigest()}
    (tmp_path / "journal.head").write_bytes(to_canonical_json(head))
    assert journal.check() == []
    fill(journal, 2)
    assert journal.check() == []
