"""The ready pack of an installation is used where it fits and refused where it does not, damaged ones included."""

import os
import random
from pathlib import Path

import pytest

from detector.errors import RuleError
from detector.rules import automaton_part, checked_file
from detector.rules import pack as packs
from detector.rules.shapes import expand

TEXT = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{6}"]
pattern = '(acme_[0-9a-z]{24})'
"""
DATA = expand("acme_{base36:24}").encode()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with one rule, a ready pack and no cache; returns its folder."""
    (tmp_path / "patterns").mkdir()
    (tmp_path / "patterns" / "acme.toml").write_text(TEXT)
    monkeypatch.setenv("LEAKFIRST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(packs, "shipped_folder", lambda: str(tmp_path / "patterns"))
    monkeypatch.setattr(packs, "ready_folder", lambda: str(tmp_path / "ready"))
    assert packs.store_ready_pack()
    return tmp_path


def found() -> list[str]:
    return [hit.rule.id for hit in packs.build_engine(packs.load_pack()).scan(DATA)]


def forbid_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "compile_pack", None)


@pytest.mark.parametrize("engine", ["hyperscan", "ahocorasick"])
def test_it_is_used_without_a_cache_and_without_compiling(
    installed: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_compiling(monkeypatch)
    pack = packs.load_pack(engine=engine)
    assert [hit.rule.id for hit in packs.build_engine(pack).scan(DATA)] == ["acme.key"]
    assert pack.rules[0].source == f"{installed}/patterns/acme.toml:2"
    assert packs.has_ready_pack()
    assert not (installed / "cache").exists()
    assert {path.stat().st_mode & 0o777 for path in (installed / "ready").iterdir()} == {0o644}


def test_an_edited_rule_file_is_seen(installed: Path) -> None:
    rules = installed / "patterns" / "acme.toml"
    before = rules.stat()
    rules.write_text(TEXT.replace("acme.key", "acme.yek"))
    os.utime(rules, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not packs.has_ready_pack()
    assert found() == ["acme.yek"]


def test_a_rule_file_that_was_added_or_renamed_is_seen(installed: Path) -> None:
    (installed / "patterns" / "more.toml").write_text(TEXT.replace("acme.key", "acme.more"))
    assert not packs.has_ready_pack()
    (installed / "patterns" / "more.toml").unlink()
    assert packs.has_ready_pack()
    (installed / "patterns" / "acme.toml").rename(installed / "patterns" / "b.toml")
    assert not packs.has_ready_pack()


def test_another_version_of_hyperscan_does_not_get_the_databases_of_this_one(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (database,) = (installed / "ready").glob("*.database")
    monkeypatch.setattr(automaton_part, "_describe_hyperscan", lambda: "00090909-0080030000000000")
    assert not packs.has_ready_pack()
    database.rename(database.with_name(f"shipped{automaton_part._database_suffix('hyperscan')}"))
    assert not packs.has_ready_pack(), "a file is believed for its name"
    assert found() == ["acme.key"]


def test_a_database_that_hyperscan_refuses_is_not_used(installed: Path) -> None:
    (database,) = (installed / "ready").glob("*.database")
    suffix = automaton_part._database_suffix("hyperscan")
    digest = packs.load_pack().digest
    checked_file.write_checked(str(database), digest + suffix, b"\0" * 999)
    assert not packs.has_ready_pack()
    assert found() == ["acme.key"]


def test_a_damaged_ready_pack_is_refused(installed: Path) -> None:
    chance = random.Random(25)
    for path in (installed / "ready").iterdir():
        whole = path.read_bytes()
        for _ in range(150):
            damaged = bytearray(whole)
            kind = chance.randrange(4)
            at = chance.randrange(len(damaged))
            if kind == 0:
                damaged[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del damaged[at:]
            elif kind == 2:
                damaged[at:at] = chance.randbytes(chance.randrange(1, 9))
            else:
                damaged[at : at + 64] = damaged[at : at + 64][::-1] + b"\0"
            path.write_bytes(damaged)
            assert not packs.has_ready_pack(), (path.name, kind, at)
        path.write_bytes(whole)
        assert packs.has_ready_pack()


OWN = """
[[rule]]
id = "best.key"
finds = "Best key"
anchors = ["best_[0-9a-z]{6}", "acme_[0-9a-z]{6}"]
pattern = '((?:best|acme)_[0-9a-z]{25})'
"""


@pytest.mark.parametrize("engine", ["hyperscan", "ahocorasick"])
def test_own_rules_and_a_selection_use_the_ready_pack(
    installed: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_compiling(monkeypatch)
    own = installed / "own.toml"
    own.write_text(OWN)
    text = expand("{0}\n best_{base36:25} acme_{base36:25}".replace("{0}", DATA.decode())).encode()

    def find(**options) -> list[str]:
        return [
            hit.rule.id for hit in packs.build_engine(packs.load_pack([str(own)], engine=engine, **options)).scan(text)
        ]

    assert find() == ["acme.key", "best.key", "best.key"]
    assert find(select=lambda rules: [rule for rule in rules if rule.id == "best.key"]) == ["best.key", "best.key"]
    assert find(select=lambda rules: [rule for rule in rules if rule.id == "acme.key"])[:1] == ["acme.key"]
    assert find(select=lambda rules: []) == []


def test_the_digest_of_derived_rules_follows_what_they_say_not_where_they_lie(installed: Path) -> None:
    for name, text in (("one", OWN), ("two", OWN), ("other", OWN.replace("Best key", "Worst key"))):
        (installed / name).mkdir()
        (installed / name / "own.toml").write_text(text)
    one, two, other = (packs.load_pack([str(installed / name / "own.toml")]).digest for name in ("one", "two", "other"))
    assert one == two != other
    assert packs.load_pack(select=lambda rules: []).digest not in (one, other, packs.load_pack().digest)


def test_an_id_that_is_taken_by_a_shipped_rule_is_refused(installed: Path) -> None:
    (installed / "own.toml").write_text(TEXT)
    with pytest.raises(RuleError, match=r"own\.toml:2: the id 'acme.key' is taken by .*patterns/acme\.toml:2"):
        packs.load_pack([str(installed / "own.toml")])


def test_own_rules_are_read_again_when_they_change(installed: Path) -> None:
    own = installed / "own.toml"
    for name in ("one", "two"):
        own.write_text(OWN.replace("best.key", f"best.{name}"))
        assert [rule.id for rule in packs.load_pack([str(own)]).rules] == ["acme.key", f"best.{name}"]


@pytest.mark.parametrize("part", ["missing", "damaged"])
def test_where_the_database_does_not_fit_little_is_scanned_without_compiling(
    installed: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_compiling(monkeypatch)
    (database,) = (installed / "ready").glob("*.database")
    database.write_bytes(b"x") if part == "damaged" else database.unlink()
    assert not packs.has_ready_pack()
    assert found() == ["acme.key"]
    assert not (installed / "cache").exists()
    engine = packs.build_engine(packs.load_pack())
    assert [hit.rule.id for hit in engine.scan(DATA + b"\n" * (4 << 20))] == ["acme.key"]
    assert len(list((installed / "cache").glob("*.database"))) == 1
    assert packs.load_pack().automata[0].dumped, "what was compiled is not kept"


def test_a_damaged_ready_pack_costs_no_finding(installed: Path) -> None:
    for path in (installed / "ready").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert found() == ["acme.key"]
