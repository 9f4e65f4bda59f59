"""The stamp that spares reading the rule files must never hide a change of them."""

import os
import pickle
from pathlib import Path

import pytest

from detector.engine.scoring import anchors
from detector.rules import pack

RULE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_live_"]
pattern = 'acme_live_[a-z]{%d}'
"""


def old(path: Path) -> None:
    """Let *path* look as if it had been written an hour ago (the time of change still tells)."""
    at = path.stat().st_mtime - 3600
    os.utime(path, (at, at))


def digest(path: Path) -> str:
    return pack._find_digest([str(path)])


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "SETTLED", -(10**12))


def test_a_settled_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    rules = tmp_path / "acme.toml"
    rules.write_text(RULE % 20)
    first = digest(rules)
    monkeypatch.setattr(pack, "_compute_digest", None)
    assert digest(rules) == first


def test_a_change_of_the_same_size_and_time_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    rules = tmp_path / "acme.toml"
    rules.write_text(RULE % 20)
    old(rules)
    before, first = rules.stat(), digest(rules)
    rules.write_text(RULE % 21)
    os.utime(rules, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest(rules) != first


def test_a_file_written_just_now_gets_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_CACHE", str(tmp_path / "cache"))
    rules = tmp_path / "acme.toml"
    rules.write_text(RULE % 20)
    digest(rules)
    assert not list(tmp_path.glob("cache/*.stamp"))


def test_a_torn_stamp_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    monkeypatch.setenv("LEAKFIRST_CACHE", str(tmp_path / "cache"))
    rules = tmp_path / "acme.toml"
    rules.write_text(RULE % 20)
    first = digest(rules)
    (stamp,) = tmp_path.glob("cache/*.stamp")
    for content in (b"", b"junk", stamp.read_bytes()[:-3]):
        stamp.write_bytes(content)
        assert digest(rules) == first


def test_an_edited_gate_is_not_served_from_an_old_pack() -> None:
    assert os.stat(anchors.__file__).st_mtime_ns in pack._code_stamp()


def test_damage_in_the_automaton_is_noticed_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_CACHE", str(tmp_path / "cache"))
    rules = tmp_path / "acme.toml"
    rules.write_text(RULE % 20)
    made = pack.load_pack([str(rules)], shipped=False)
    (cached,) = tmp_path.glob("cache/*.pack")
    whole = cached.read_bytes()
    for damaged in (whole[:-9], whole[:-40] + bytes(40), whole[:30], whole[: len(whole) // 2]):
        cached.write_bytes(damaged)
        again = pack.load_pack([str(rules)], shipped=False)
        assert (again.anchors, again.lengths, again.scored_indexes) == (made.anchors, made.lengths, made.scored_indexes)
        assert pack.build_engine(again).scan(b"acme_live_abcdefghijklmnopqrst"[:30]) is not None


def test_the_automaton_of_the_check_is_used_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_CACHE", str(tmp_path / "cache"))
    rules = tmp_path / "acme.toml"
    rules.write_text(RULE % 20)
    pack.load_pack([str(rules)], shipped=False)
    loaded = pack.load_pack([str(rules)], shipped=False)
    one, two = pack.take_automaton(loaded), pack.take_automaton(loaded)
    assert one is not two
    sent = pickle.loads(pickle.dumps(pack.load_pack([str(rules)], shipped=False)))
    assert sent.automata[0].prepared.take() is None and pack.take_automaton(sent).scan(b"acme_live_x")
