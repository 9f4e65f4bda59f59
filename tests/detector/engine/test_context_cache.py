"""Cuts around hits: what they hold, and that judging them is judging the whole."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine import context_cache
from detector.engine.context_cache import UNBOUNDED, ContextCache, Segment, split_segments
from detector.engine.engine import EMPTY_RESULT, Engine
from detector.rules import pack as packs
from detector.rules.shapes import expand

REACHES = {0: (2, 3), 1: (10, 1), 2: (1, 30), 3: (UNBOUNDED, UNBOUNDED)}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 200)), min_size=1), st.integers(200, 260))
def test_a_cut_holds_all_that_its_hits_may_look_at(hits: list[tuple[int, int]], size: int) -> None:
    data = bytes(place % 251 for place in range(size))
    found = list(split_segments(data, hits, REACHES))
    stop = -1
    for cut in found:
        assert cut.start > stop
        stop = cut.start + len(cut.text)
        assert cut.text == data[cut.start : stop]
        for anchor, end in cut.hits:
            before, after = REACHES[anchor]
            assert cut.start <= max(0, cut.start + end - before)
            assert stop >= min(size, cut.start + end + after)
    assert sorted(hits) == sorted((anchor, cut.start + end) for cut in found for anchor, end in cut.hits)


def test_hits_far_from_each_other_stand_in_cuts_of_their_own() -> None:
    assert [
        (cut.start, cut.text, cut.hits) for cut in split_segments(b"0123456789", [(0, 9), (0, 2)], {0: (1, 1)})
    ] == [
        (1, b"12", ((0, 1),)),
        (8, b"89", ((0, 1),)),
    ]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return packs.build_engine(packs.load_pack())


TOKEN = expand("ghp_{alnum:30}{check:github-crc32}", 1)
PIECES = [
    f'password = "{expand("{alnum:20}", 2)}"\n',
    f"api_key: {expand('{hex:32}', 3)}\n",
    f'"url": "postgres://app:{expand("{alnum:16}", 4)}@db.internal/x",\n',
    f"aws_access_key_id = {expand('AKIA{[A-Z2-7]:16}', 5)}\n",
    f"aws_secret_access_key = {expand('{alnum:40}', 6)}\n",
    f"TOKEN={TOKEN}\n",
    f'{{\\"token\\": \\"{TOKEN}\\"}}\n',
    f"blob {base64.b64encode(b'export TOKEN=' + TOKEN.encode()).decode()}\n",
    f"-u admin:{expand('{alnum:12}', 7)} https://example.test\n",
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from([0, 1, 300, 700, 2500, 9000])), max_size=8))
def test_judging_the_cuts_is_judging_the_whole(engine: Engine, parts: list[tuple[str, int]]) -> None:
    rng = random.Random(len(parts))
    filler = "".join(rng.choices("abcdefgh ij\n", k=9000))
    data = "".join(piece + filler[:space] for piece, space in parts).encode()
    hits = engine._automaton.scan(data)
    whole = engine._examine_segment(data, "", hits)
    for _ in range(2):  # new, then remembered
        examined = engine.examine(data, "", keep_rejected=True)
        assert examined.hits == whole.hits
        assert sorted(examined.rejected, key=str) == sorted(whole.rejected, key=str)
        assert engine.examine(data) == (examined._replace(rejected=()) if hits else EMPTY_RESULT)


def test_it_keeps_a_bounded_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_cache, "MAX_CACHED", 100)
    monkeypatch.setattr(context_cache, "MAX_SEGMENT", 60)
    asked: list[bytes] = []

    def judge(text: bytes, _path: str, _hits: object) -> bytes:
        asked.append(text)
        return text

    memory = ContextCache()
    texts = [bytes([number]) * size for number, size in enumerate([50, 61, 50, 50, 50])]
    for text in (texts[0], texts[0], texts[1], texts[1], *texts[2:], texts[4], texts[0]):
        assert memory.get_or_compute(Segment(0, text, ()), "", judge) is text
    assert asked == [texts[0], texts[1], texts[1], *texts[2:], texts[0]]
