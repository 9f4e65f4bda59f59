"""The cache of compiled rules costs time when it is wrong, never correctness."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from detector.errors import RuleError, UsageError
from detector.model import Rule
from detector.rules import pack as packs
from detector.rules.shapes import expand
from leakfirst import scan

TEXT = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{6}"]
pattern = '(acme_[0-9a-z]{24})'
"""
DATA = expand("acme_{base36:24}").encode()


@pytest.fixture
def rules(tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("LEAKFIRST_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "acme.toml"
    path.write_text(TEXT)
    return str(path)


def found(rules: str, **options) -> list[str]:
    return [hit.rule.id for hit in packs.build_engine(packs.load_pack([rules], shipped=False, **options)).scan(DATA)]


def cached() -> list[str]:
    folder = packs.cache_folder()
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".pack")]


@pytest.mark.parametrize("engine", ["hyperscan", "ahocorasick"])
def test_a_second_load_comes_from_the_cache(rules: str, engine: str, monkeypatch) -> None:
    assert found(rules, engine=engine) == ["acme.key"]
    monkeypatch.setattr(packs, "compile_pack", None)  # compiling again would fail
    assert found(rules, engine=engine) == ["acme.key"]


def test_a_changed_rule_is_another_pack(rules: str) -> None:
    assert found(rules) == ["acme.key"]
    with open(rules, "a") as file:
        file.write("\n# a remark\n")
    assert found(rules) == ["acme.key"]
    assert len(cached()) == 2


def test_a_selection_is_another_pack(rules: str) -> None:
    assert found(rules) == ["acme.key"]
    assert found(rules, select=lambda rules: []) == []
    assert found(rules) == ["acme.key"]


def test_a_selection_that_is_refused_is_refused_again(rules: str) -> None:
    def refuse(rules: Sequence[Rule]) -> list[Rule]:
        raise UsageError("no such rule")

    for _ in range(2):
        with pytest.raises(UsageError):
            found(rules, select=refuse)


@pytest.mark.parametrize("damage", [b"", b"junk", b"leakfirst-pack-1\n" + b"0" * 40, None])
def test_a_damaged_cache_is_ignored_and_mended(rules: str, damage: bytes | None) -> None:
    found(rules)
    (path,) = cached()
    with open(path, "rb") as file:
        whole = file.read()
    with open(path, "wb") as file:
        file.write(whole[:-20] if damage is None else damage)
    assert found(rules) == ["acme.key"]
    with open(path, "rb") as file:
        assert file.read() == whole


def test_an_unwritable_cache_is_no_matter(rules: str, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEAKFIRST_CACHE", str(tmp_path / "file" / "below"))
    assert found(rules) == ["acme.key"]


def test_two_processes_may_start_at_once(rules: str) -> None:
    code = "import sys; from detector.rules import pack; print(len(pack.load_pack([sys.argv[1]], shipped=False).rules))"
    running = [
        subprocess.Popen([sys.executable, "-c", code, rules], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert [process.communicate()[0] for process in running] == ["1\n"] * 4
    assert not [name for name in os.listdir(packs.cache_folder()) if name.endswith(".tmp")]


def test_a_missing_rule_file_is_named() -> None:
    with pytest.raises(RuleError, match=r"nowhere\.toml: cannot be read"):
        packs.load_pack(["nowhere.toml"])


@pytest.mark.parametrize("engine", ["hyperscan", "ahocorasick"])
def test_a_scan_finds_nothing_in_the_cache_of_rules_that_are_written_like_what_they_find(
    rules: str, engine: str
) -> None:
    token = expand("ghp_{alnum:30}{check:github-crc32}", 1)
    with open(rules, "a") as file:
        file.write(f"""examples = ["token = '{token}';"]\n""")
    assert found(rules, engine=engine) == ["acme.key"]
    (path,) = cached()
    assert len(scan(rules, jobs=1).findings) == 1
    result = scan(path, min_confidence="low", show_ignored=True, jobs=1)
    assert (result.findings, result.ignored, result.skipped) == ((), (), ())
