"""Copied bytes are not looked at again, and nothing is missed for it."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine.copied import carried, fresh
from detector.engine.engine import Engine, Versions
from detector.git import deltas
from detector.model import Lineage
from detector.rules import pack as packs
from detector.rules.loader import parse
from detector.rules.shapes import expand

RULES = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{6}"]
pattern = '(acme_[0-9a-z]{24})'

[[rule]]
id = "acme.word"
finds = "a word after acme"
anchors = ["(?i)acme[ =]{1,40}[a-z]{3}"]
pattern = '(?i:acme)[ =]{1,40}([a-z]{3,20})'
"""
ENGINE: Engine = packs.engine_of(packs.make(parse(RULES)))
TOKENS = [expand("acme_{base36:24}", seed).encode() for seed in range(3)]
PIECES = [*TOKENS, TOKENS[0][:11], b"Acme = ", b"value", b"\n", b"x" * 150, b"-" * 400, b" ", b"acme"]


def delta(base: bytes, ops: list[tuple[int, int] | bytes]) -> bytes:
    """Write a delta as git would: a size, a size, copies and inserts."""
    result = b"".join(op if isinstance(op, bytes) else base[op[0] : op[0] + op[1]] for op in ops)

    def number(value: int) -> bytes:
        out = bytearray()
        while value >= 128:
            out.append(value & 127 | 128)
            value >>= 7
        return bytes([*out, value])

    text = number(len(base)) + number(len(result))
    for op in ops:
        if isinstance(op, bytes):
            for at in range(0, len(op), 127):
                text += bytes([len(op[at : at + 127])]) + op[at : at + 127]
        else:
            offset, length = op
            text += bytes([0b10110011]) + offset.to_bytes(2, "little") + length.to_bytes(2, "little")
    return text


@st.composite
def families(draw: st.DrawFn) -> list[tuple[bytes, Lineage]]:
    """Draw a tree of versions, depth first, each with its lineage."""
    rng = random.Random(draw(st.integers(0, 1 << 30)))
    versions: list[tuple[bytes, Lineage]] = []
    path: list[tuple[bytes, bytes]] = []
    for number in range(draw(st.integers(1, 9))):
        name = bytes([number])
        if not path or rng.random() < 0.1:
            path = [(name, b"".join(rng.choices(PIECES, k=rng.randint(0, 12))))]
            versions.append((path[0][1], Lineage(name, None, (), 0)))
            continue
        del path[rng.randint(1, len(path)) :]
        above, base = path[-1]
        ops: list[tuple[int, int] | bytes] = []
        for _ in range(rng.randint(1, 5)):
            start = rng.randint(0, max(len(base) - 1, 0))
            length = rng.randint(0, len(base) - start)
            ops.append((start, length) if rng.random() < 0.7 and length else rng.choice(PIECES))
        data, copies = deltas.apply_traced(base, delta(base, ops), 1 << 20)
        path.append((name, data))
        versions.append((data, Lineage(name, above, copies, len(path) - 1)))
    return versions


@given(families(), st.integers(1, 4))
@settings(max_examples=400, deadline=None)
def test_versions_say_what_each_says_alone(versions: list[tuple[bytes, Lineage]], batch: int) -> None:
    seen = Versions()
    together = {}
    for start in range(0, len(versions), batch):
        rows = [(data, "", lineage) for data, lineage in versions[start : start + batch]]
        for index, examined in ENGINE.examine_batch(rows, seen=seen):
            together[start + index] = examined.hits
    alone = {index: hits for index, (data, _) in enumerate(versions) if (hits := ENGINE.scan(data))}
    assert {index: hits for index, hits in together.items() if hits} == alone


def test_an_unknown_base_is_scanned_as_a_whole() -> None:
    lineage = Lineage(b"b", b"never seen", (0, 0, len(TOKENS[0])), 3)
    assert len(ENGINE.examine_batch([(TOKENS[0], "", lineage)], seen=Versions())) == 1


def test_only_new_bytes_and_seams_are_looked_at() -> None:
    assert fresh((0, 0, 5000, 5010, 5000, 5000), 10_010, 100) == [4900, 5110]
    assert fresh((0, 7, 10_000), 10_000, 100) == []
    assert fresh((), 50, 100) == [0, 50]
    assert fresh((10, 0, 250), 260, 100) == [0, 110], "the end of the text is no seam"


def test_what_a_copy_holds_whole_is_carried() -> None:
    assert carried((0, 100, 50, 60, 100, 50), [150, 120, 110], [50, 21, 5]) == [0, 50, 2, 10, 0, 110, 2, 70]
