"""Byte offsets become lines, columns and a redacted excerpt."""

from hypothesis import given
from hypothesis import strategies as st

from detector.engine.engine import Engine
from detector.engine.lines import LineMap
from detector.model import Blob, Origin
from detector.rules.shapes import expand
from detector.scan.locate import EXCERPT_BYTES, SpanIndex, index_masked_spans, locate_hit, make_excerpt
from detector.secret import redact

TOKEN = expand("acmekey_{base36:24}", 1).encode()
SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)).map(lambda span: (span[0], sum(span))), max_size=20)


@given(SPANS, st.integers(0, 60), st.integers(1, 20))
def test_the_index_finds_what_a_loop_finds(spans: list[tuple[int, int]], start: int, size: int) -> None:
    found = list(SpanIndex(spans).overlapping(start, start + size))
    assert found == sorted({span for span in spans if span[0] < start + size and span[1] > start})


def test_a_hit_is_located_in_the_whole_file_of_which_the_blob_is_a_chunk(engine: Engine) -> None:
    data = b"x = 1\nkey = " + TOKEN + b"\n"
    blob = Blob(data, Origin("worktree", "a.py"), base=1000, base_line=10, base_column=7)
    examined = engine.examine(data)
    lines = LineMap(data, blob.base_line, blob.base_column)
    location = locate_hit(blob, examined.hits[0], lines, index_masked_spans(examined))
    assert (location.start, location.end) == (1012, 1012 + len(TOKEN))
    assert (location.line, location.column, location.end_column) == (12, 7, 7 + len(TOKEN))
    assert location.snippet == f"key = {redact(TOKEN)}"


def test_an_excerpt_is_one_printable_line_of_bounded_length_without_any_masked_value() -> None:
    other = b"another-secret"
    data = b"first\n" + b"." * 200 + other + b" \x1b[31m " + TOKEN + b" \x00 " + other + b"." * 200 + b"\nlast"
    start = data.index(TOKEN)
    spans = [(start, start + len(TOKEN))]
    spans += [(at, at + len(other)) for at in (data.index(other), data.rindex(other))]
    text = make_excerpt(data, start, start + len(TOKEN), SpanIndex(spans))
    assert text.isprintable() and "first" not in text and "last" not in text
    assert TOKEN.decode() not in text and other.decode() not in text
    assert len(text) < 2 * EXCERPT_BYTES + 3 * len(redact(TOKEN)) + 20
