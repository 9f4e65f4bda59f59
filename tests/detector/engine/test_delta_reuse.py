"""Copied bytes are not looked at again, and nothing is missed for it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine.delta_reuse import VersionCache, carry_over, find_new_ranges
from detector.engine.engine import Engine
from detector.engine.stored import Stored
from detector.git import deltas
from detector.rules import pack as packs
from detector.rules.loader import parse
from detector.rules.shapes import expand
from detector.scan.batching import Row
from tests.interpreted import load_interpreted

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
ENGINE: Engine = packs.build_engine(packs.compile_pack(parse(RULES)))
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
def families(draw: st.DrawFn) -> list[tuple[bytes, Stored]]:
    """Draw a tree of versions, depth first, each with its lineage."""
    rng = random.Random(draw(st.integers(0, 1 << 30)))
    versions: list[tuple[bytes, Stored]] = []
    path: list[tuple[bytes, bytes]] = []
    for number in range(draw(st.integers(1, 9))):
        name = bytes([number])
        if not path or rng.random() < 0.1:
            path = [(name, b"".join(rng.choices(PIECES, k=rng.randint(0, 12))))]
            versions.append((path[0][1], Stored(name, "blob", path[0][1])))
            continue
        del path[rng.randint(1, len(path)) :]
        above, base = path[-1]
        ops: list[tuple[int, int] | bytes] = []
        for _ in range(rng.randint(1, 5)):
            start = rng.randint(0, max(len(base) - 1, 0))
            length = rng.randint(0, len(base) - start)
            ops.append((start, length) if rng.random() < 0.7 and length else rng.choice(PIECES))
        stored = delta(base, ops)
        data = deltas.apply_delta(base, stored, 1 << 20)
        path.append((name, data))
        versions.append((data, Stored(name, "blob", data, above, stored, len(path) - 1)))
    return versions


@given(families(), st.integers(1, 4), st.sampled_from([1, 100, 400]), st.sampled_from([0, 500, 1 << 20]))
@settings(max_examples=400, deadline=None)
def test_versions_say_what_each_says_alone(
    versions: list[tuple[bytes, Stored]], batch: int, worth: int, room: int
) -> None:
    seen = VersionCache(worth, room)
    together = {}
    for start in range(0, len(versions), batch):
        rows = [(data, "", lineage) for data, lineage in versions[start : start + batch]]
        for index, examined in ENGINE.examine_batch(rows, versions=seen):
            together[start + index] = examined.hits
    alone = {index: hits for index, (data, _) in enumerate(versions) if (hits := ENGINE.scan(data))}
    assert {index: hits for index, hits in together.items() if hits} == alone


def test_an_unknown_base_is_scanned_as_a_whole() -> None:
    lineage = Stored(b"b", "blob", TOKENS[0], b"never seen", delta(TOKENS[0], [(0, len(TOKENS[0]))]), 3)
    assert len(ENGINE.examine_batch([(TOKENS[0], "", lineage)], versions=VersionCache())) == 1


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("versions", [VersionCache, load_interpreted("detector.engine.delta_reuse").VersionCache])
def test_what_was_met_before_is_known_again_where_it_stands(batch: int, versions: type[VersionCache]) -> None:
    base = b"-" * 2000
    news = [b"x" * 500 + TOKENS[0] + b" ", b"x" * 500, b"y" * 40 + b"x" * 500 + TOKENS[0] + b" "]
    rows = [(base, "", Stored(b"base", "blob", base))]
    for number, (new, first) in enumerate(zip([*news, news[0]], [300, 300, 300, 700], strict=True)):
        ops: list[tuple[int, int] | bytes] = [(0, first), new, (first, 2000 - first)]
        data, change = base[:first] + new + base[first:], delta(base, ops)
        rows.append((data, "", Stored(bytes([number]), "blob", data, b"base", change, 1)))
    seen, scanned, found = versions(), 0, {}
    for start in range(0, len(rows), batch):
        some = rows[start : start + batch]
        pieces = seen.collect_pieces(some, 100, 3)
        scanned += sum(map(len, pieces))
        hits = [(0, at) for at in ends(b"\n\0\n".join(pieces), TOKENS[0])]
        found.update((start + number, those) for number, those in seen.resolve_hits(hits, [(29, 29)]))
    assert found == {number: [(0, at) for at in ends(rows[number][0], TOKENS[0])] for number in (1, 3, 4)}
    assert scanned == sum(len(piece) for piece in (base, *news)) + 3 * 200, "the last one was met before"


def ends(text: bytes, word: bytes) -> list[int]:
    """Return where *word* ends in *text*."""
    return [at + len(word) for at in range(len(text)) if text.startswith(word, at)]


def test_a_batch_that_was_never_settled_is_forgotten() -> None:
    base = b"-" * 1000 + TOKENS[1] + b"-" * 1000
    data = base[:300] + b"x" * 500 + TOKENS[0] + base[300:]
    change = delta(base, [(0, 300), b"x" * 500 + TOKENS[0], (300, len(base) - 300)])
    first: Row = (base, "", Stored(b"base", "blob", base))
    second: Row = (data, "", Stored(b"b", "blob", data, b"base", change, 1))
    seen = VersionCache()
    assert len(seen.collect_pieces([first, second], 100, 3)) == 2
    ((_, examined),) = ENGINE.examine_batch([second], versions=seen)
    assert {hit.secret.reveal() for hit in examined.hits} == {TOKENS[0], TOKENS[1]}, "its base was never looked at"


def test_only_new_bytes_and_seams_are_looked_at() -> None:
    base = bytes(20_000)
    assert find_new_ranges(delta(base, [(0, 5000), b"0123456789", (5000, 5000)]), 100) == [4900, 5110]
    assert find_new_ranges(delta(base, [(7, 10_000)]), 100) == [0, 100]
    assert find_new_ranges(delta(base, [(7, 5_000), (5_007, 5_000)]), 100) == [0, 100], (
        "two copies that make one have no seam"
    )
    assert find_new_ranges(delta(base, [b"x" * 50]), 100) == [0, 50]
    assert find_new_ranges(delta(base, []), 100) == []
    assert find_new_ranges(delta(base, [b"0123456789", (0, 250)]), 100) == [0, 110], "the end of the text is no seam"


def copies(stored: bytes) -> list[tuple[int, int, int]]:
    """List what a delta copies, those that make one put together: start in the result, start in the base, length."""
    at = place = 0
    for _ in range(2):
        while stored[at] >= 128:
            at += 1
        at += 1
    found: list[tuple[int, int, int]] = []
    after_copy = False
    while at < len(stored):
        head, at = stored[at], at + 1
        if head < 128:
            place, at, after_copy = place + head, at + head, False
            continue
        fields = [0] * 7
        for bit in range(7):
            if head & 1 << bit:
                fields[bit], at = stored[at], at + 1
        offset, length = int.from_bytes(fields[:4], "little"), int.from_bytes(fields[4:], "little") or 0x10000
        if after_copy and found[-1][1] + found[-1][2] == offset:
            found[-1] = (*found[-1][:2], found[-1][2] + length)
        else:
            found.append((place, offset, length))
        place, after_copy = place + length, True
    return found


@given(families(), st.integers(1, 60))
def test_every_stretch_of_the_reach_is_fresh_or_within_one_copy(
    versions: list[tuple[bytes, Stored]], reach: int
) -> None:
    known = {lineage.id: data for data, lineage in versions}
    for data, lineage in versions:
        if lineage.base is None:
            continue
        ranges = find_new_ranges(lineage.delta, reach)
        spans = [*zip(ranges[::2], ranges[1::2], strict=True)]
        for first, start, length in copies(lineage.delta):
            assert data[first : first + length] == known[lineage.base][start : start + length]
            spans.append((first, first + length))
        for at in range(max(len(data) - reach + 1, 0)):
            assert any(start <= at and at + reach <= end for start, end in spans)


@given(families(), st.integers(1, 60))
def test_what_a_copy_holds_whole_is_carried(versions: list[tuple[bytes, Stored]], length: int) -> None:
    known = {lineage.id: data for data, lineage in versions}
    for _, lineage in versions:
        if lineage.base is None:
            continue
        ends = range(1, len(known[lineage.base]) + 1)
        found = carry_over(lineage.delta, ends, [length] * len(ends))
        assert [*zip(found[::2], found[1::2], strict=True)] == [
            (end - 1, end - start + first)
            for first, start, size in copies(lineage.delta)
            for end in range(start + (length if start else 1), start + size + 1)
        ]


def test_what_both_texts_begin_with_is_carried_from_the_very_start() -> None:
    base = bytes(20_000)
    assert find_new_ranges(delta(base, [(0, 5000), b"0123456789", (5010, 5000)]), 100) == [4900, 5110]
    assert carry_over(delta(base, [(0, 50), b"0123456789"]), [20, 51], [100, 100]) == [0, 20]
    assert carry_over(delta(base, [b"0123456789", (3, 50)]), [20, 51], [10, 49]) == [0, 27]


SLOW = load_interpreted("detector.engine.delta_reuse")


@given(families(), st.integers(1, 300))
def test_compiled_and_interpreted_say_the_same(versions: list[tuple[bytes, Stored]], reach: int) -> None:
    for _, lineage in versions:
        if lineage.base is not None:
            assert find_new_ranges(lineage.delta, reach) == SLOW.find_new_ranges(lineage.delta, reach)
            ends = range(1, 500)
            assert carry_over(lineage.delta, ends, [9] * 499) == SLOW.carry_over(lineage.delta, ends, [9] * 499)
