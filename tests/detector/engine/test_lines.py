"""Offsets become places a person can jump to."""

from hypothesis import given
from hypothesis import strategies as st

from detector.engine.lines import LineMap


@given(st.text(alphabet="ab\nö𝄞é", max_size=60), st.data())
def test_it_agrees_with_the_obvious_way(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    lines = LineMap(raw)
    for place in places:
        before = text[:place]
        expected = (before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1)
        assert lines.locate(len(before.encode())) == expected


def test_it_counts_from_the_line_where_a_piece_begins() -> None:
    lines = LineMap(b"rest of it\nnext", base_line=41, base_column=7)
    assert lines.locate(0) == (42, 8)
    assert lines.locate(11) == (43, 1)
