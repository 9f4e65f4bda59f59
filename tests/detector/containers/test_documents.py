"""Reading documents."""

import re

from hypothesis import given
from hypothesis import strategies as st

from detector.containers import documents
from tests.detector.containers.reading import (
    read_members,
)


def test_text_after_endstream_is_not_a_stream() -> None:
    data = b"%PDF-1.4\n1 0 obj\n<< /Length 5 >>\nstream\nBT (one) Tj ET\nendstream\nendobj\n(two) BT\nendstream\n"
    assert read_members(data)[0] == {"x.bin!stream 1": b"one\n"}


PAGE_TOKEN = re.compile(
    rb"(?P<text>\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*+\))|<(?P<hex>[0-9A-Fa-f\s]*+)>|(?P<edge>\[|\])"
    rb"|(?<![\w.])(?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w.])"
    rb"|(?<![A-Za-z])(?P<operator>T[dDmJj*]|ET|['\"])(?![A-Za-z])",
    re.DOTALL,
)
"""All tokens of a page, one branch for each kind: the slow, simple form of the expression under test."""


def extract_slowly(content: bytes) -> bytes:
    out: list[bytes] = []
    strings: list[bytes] = []
    kerned = False
    for found in PAGE_TOKEN.finditer(content):
        if text := found["text"]:
            strings.append(documents._ESCAPE.sub(documents._unescape, text[1:-1]))
        elif found["hex"] is not None:
            digits = re.sub(rb"\s", b"", found["hex"])
            strings.append(bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()).replace(b"\0", b""))
        elif found["edge"]:
            kerned = found["edge"] == b"["
        elif found["number"]:
            strings += [b" "] if kerned and float(found["number"]) < -200 else []
        elif found["operator"] in (b"Tj", b"TJ", b"'", b'"'):
            out, strings = out + strings, []
        else:
            out, strings = out + ([b"\n"] if out and out[-1] != b"\n" else []), []
    return b"".join(out)


PARTS = ["(one)", "(a\\)(b)c)", "(open", ")", "<68 69>", "<6>", "<4z>", "[", "]", "-300", "-199.5", "-0201.", "7", "x",
        ".", "-", "Tj", "TJ", "Td", "T*", "ET", "'", '"', "BT", " ", "\n", "\\"]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=30))
def test_the_text_of_a_page_equals_the_slow_form(parts: list[str]) -> None:
    content = "".join(parts).encode()
    assert documents._extract_page_text(content) == extract_slowly(content)
