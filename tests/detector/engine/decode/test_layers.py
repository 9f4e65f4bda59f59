"""What was decoded is found again by its place, in time that grows with the text."""

import base64

import pytest

from detector.engine import decode
from detector.engine.decode.layer import OffsetIndex
from detector.rules import pack as packs
from detector.rules.loader import parse
from detector.rules.shapes import expand

RULE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acmekey_[0-9a-z]{6}"]
pattern = '(acmekey_[0-9a-z]{24})'
"""


def test_parts_are_found_by_any_place_in_them() -> None:
    spans: OffsetIndex[str] = OffsetIndex()
    for start, end, made in [(50, 60, "late"), (10, 20, "early"), (11, 20, "shifted"), (30, 30, "empty")]:
        spans.add(start, end, made)
    assert {at: [*spans.find_at(at)] for at in (9, 10, 11, 19, 20, 30, 50, 59, 60)} == {
        9: [], 10: ["early"], 11: ["shifted", "early"], 19: ["shifted", "early"], 20: [], 30: [],
        50: ["late"], 59: ["late"], 60: [],
    }  # fmt: skip


@pytest.mark.parametrize("count", [50, 400])
def test_no_run_is_compared_with_all_others(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    engine = packs.build_engine(packs.compile_pack(parse(RULE)))
    text = b"".join(
        b"data: %b\n" % base64.b64encode(f"key = {expand('acmekey_{base36:24}', number)}".encode())
        for number in range(count)
    )
    calls = []
    covers = decode._covers
    monkeypatch.setattr(decode, "_covers", lambda *args: calls.append(args) or covers(*args))
    assert len(engine.scan(text)) == count
    assert len(calls) <= OffsetIndex.VARIANTS * count
