"""The parts of a pack's automaton: from a database, from the cache, or from the anchors alone."""

import pickle
from pathlib import Path

import pytest

from detector.engine.anchors import HyperscanAutomaton, parse_anchor
from detector.engine.automata import MIN_BYTES, DeferredAutomaton
from detector.rules import automaton_part
from detector.rules.automaton_part import (
    AutomatonPart,
    PackedAnchors,
    compile_for,
    join_automata,
    pack_anchors,
    prepare,
)

ANCHORS = tuple(parse_anchor(text) for text in ("acme_[0-9a-z]{6}", "(?i)Key="))
TEXT = b"KEY=acme_live00"
EXPECTED = [(0, 15), (1, 4)]


@pytest.fixture
def part(tmp_path: Path) -> AutomatonPart:
    return AutomatonPart("hyperscan", ANCHORS, stored=str(tmp_path / "cache" / "x"), label="x")


def test_anchors_come_back_from_their_packed_form_and_from_a_pickle() -> None:
    packed = PackedAnchors(pack_anchors(ANCHORS), 2)
    assert len(packed) == 2 and tuple(packed) == ANCHORS and packed[1] == ANCHORS[1]
    assert tuple(pickle.loads(pickle.dumps(packed))) == ANCHORS


def test_no_parts_find_nothing() -> None:
    assert join_automata(()).scan(TEXT) == []
    assert join_automata(()).dump() == b""


def test_without_a_database_compiling_is_deferred(part: AutomatonPart) -> None:
    automaton = join_automata((part,))
    assert isinstance(automaton, DeferredAutomaton)
    assert automaton.scan(TEXT) == EXPECTED
    assert compile_for(part, 1000) is part
    assert not Path(part.stored).parent.exists()


def test_for_much_it_is_compiled_before_processes_share_it(part: AutomatonPart) -> None:
    compiled = compile_for(part, MIN_BYTES + 1)
    assert compiled.dumped
    assert isinstance(join_automata((compiled,)), HyperscanAutomaton)
    assert join_automata((compiled,)).scan(TEXT) == EXPECTED


def test_what_was_compiled_is_found_in_the_cache(part: AutomatonPart, monkeypatch: pytest.MonkeyPatch) -> None:
    assert join_automata((part,)).scan(TEXT + b"." * MIN_BYTES) == EXPECTED
    assert [path.suffix for path in Path(part.stored).parent.iterdir()] == [".database"]
    monkeypatch.setattr(HyperscanAutomaton, "compile", None)
    assert compile_for(part, MIN_BYTES + 1).dumped


def test_a_database_that_is_refused_is_not_prepared(part: AutomatonPart) -> None:
    good = compile_for(part, MIN_BYTES + 1)
    assert prepare(good) is not None
    assert prepare(part._replace(dumped=b"\0" * 99)) is None


def test_numbers_apply_to_one_part_too(part: AutomatonPart) -> None:
    numbers = automaton_part.array("i", (-1, 7))
    assert join_automata((part._replace(numbers=numbers),)).scan(TEXT) == [(7, 4)]


def test_the_other_backend_needs_no_database() -> None:
    part = AutomatonPart("ahocorasick", ANCHORS)
    assert compile_for(part, 1 << 30) is part
    assert join_automata((part,)).scan(TEXT) == EXPECTED


def test_the_library_is_described_as_its_databases_are() -> None:
    import hyperscan

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[b"abc", b"d[e-g]"], ids=[1, 2], elements=2, flags=[0, 0])
    header = bytes(hyperscan.dumpb(database))[:20]
    major, minor, patch = header[7], header[6], header[5]
    assert f"Version: {major}.{minor}.{patch} ".encode() in database.info()
    assert automaton_part._describe_hyperscan() == f"{header[4:8].hex()}-{header[12:20].hex()}"
