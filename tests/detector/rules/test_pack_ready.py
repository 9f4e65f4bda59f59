"""The ready pack of an installation is used where it fits and refused where it does not, damaged ones included."""

import os
import random
from pathlib import Path

import pytest

from detector.rules import checked_file
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
    import hyperscan

    (database,) = (installed / "ready").glob("*.database")
    monkeypatch.setattr(hyperscan, "__version__", "99.0")
    assert not packs.has_ready_pack()
    database.rename(database.with_name(f"shipped{packs._database_suffix('hyperscan')}"))
    assert not packs.has_ready_pack(), "a file is believed for its name"
    assert found() == ["acme.key"]


def test_a_database_that_hyperscan_refuses_is_not_used(installed: Path) -> None:
    (database,) = (installed / "ready").glob("*.database")
    suffix = packs._database_suffix("hyperscan")
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


def test_a_damaged_ready_pack_costs_no_finding(installed: Path) -> None:
    for path in (installed / "ready").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert found() == ["acme.key"]
