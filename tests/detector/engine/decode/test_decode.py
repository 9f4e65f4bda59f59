"""Whatever the encoding, the token is found, and pointed at where a person would look."""

import base64
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine import decode
from detector.engine.decode.text import decode_blob
from detector.engine.lines import LineMap
from detector.model import Blob, Origin
from detector.rules import pack as packs
from detector.rules.loader import parse
from detector.rules.shapes import expand
from tests.fakes.hidden import Place, encoded

RULES = r"""
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["ghp_[0-9A-Za-z]{12}"]
pattern = '\b(ghp_[0-9A-Za-z]{36})(?![0-9A-Za-z_])'

[[rule]]
id = "acme.blob"
finds = "any long text"
anchors = ["blob: "]
pattern = 'blob: ([0-9A-Za-z+/=]{20,})'
specificity = 10
"""
TOKEN = expand("ghp_{alnum:36}", 7)
PLACES = encoded(TOKEN)
ENGINES = {
    name: packs.build_engine(packs.compile_pack(parse(RULES), engine=name)) for name in ("hyperscan", "ahocorasick")
}


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])
def test_the_token_is_found_once_and_its_line_is_right(place: Place, name: str) -> None:
    blob = decode_blob(Blob(place.content, Origin("worktree", place.path)))
    hits = [hit for hit in ENGINES[name].scan(blob.data) if hit.rule.id == "acme.key"]
    assert [hit.secret.reveal().decode() for hit in hits] == [TOKEN]
    if place.line:
        assert LineMap(blob.data).locate(hits[0].start)[0] == place.line


def found(data: bytes) -> list[tuple[str, tuple[str, ...], bytes]]:
    return [(hit.rule.id, hit.decoded_via, data[hit.start : hit.end]) for hit in ENGINES["hyperscan"].scan(data)]


def test_a_hit_names_the_characters_that_hold_it() -> None:
    text = base64.b64encode(b"ab=" + TOKEN.encode() + b"  ")
    data = b"x = '" + text[:24] + b"\n" + text[24:] + b"'"
    [(_, via, span)] = found(data)
    assert via == ("base64",)
    assert span.replace(b"\n", b"") == text[4:58]


def test_layers_are_named_from_the_outside() -> None:
    data = b"v: " + base64.b64encode(gzip.compress(base64.b64encode(b"   " + TOKEN.encode())))
    assert [via for _, via, _ in found(data)] == [("base64", "gzip", "base64")]


def test_the_encoded_form_is_no_credential_of_its_own() -> None:
    data = b"blob: " + base64.b64encode(TOKEN.encode())
    assert [rule for rule, _, _ in found(data)] == ["acme.key"]
    assert [rule for rule, _, _ in found(b"blob: " + base64.b64encode(b"nothing " * 9))] == ["acme.blob"]


def test_what_stands_in_plain_text_is_not_decoded_as_well() -> None:
    assert found(b'"\\"' + TOKEN.encode() + b'\\n"') == [("acme.key", (), TOKEN.encode())]


def test_more_than_the_depth_is_not_opened() -> None:
    data = TOKEN.encode()
    for _ in range(decode.MAX_DEPTH):
        data = gzip.compress(data)
    within = b"v: " + base64.b64encode(data)
    assert found(within) == []


def test_a_bomb_is_cut_and_said() -> None:
    data = b"v: " + base64.b64encode(gzip.compress(gzip.compress(b"\0" * (200 << 20))))
    examined = ENGINES["hyperscan"].examine(data)
    assert examined.unfinished == ("more encoded content than the limit; the rest was not decoded",)


def test_numbers_may_be_separated_by_any_white_space() -> None:
    assert ENGINES["hyperscan"].examine(b"0x67, 0x68, 0x70, 0x5f,\x0b").unfinished == ()


def test_a_picture_is_left_alone() -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + TOKEN.encode() * 2)
    assert found(b"data:image/png;base64," + picture) == []


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(5, 25).map(lambda groups: groups * 4))
@settings(max_examples=200, deadline=None)
def test_base64_comes_home(before: bytes, after: bytes, width: int) -> None:
    """Whatever stands around the token and however it is folded, the span decodes to the token."""
    text = base64.b64encode(before + b" " + TOKEN.encode() + b" " + after).decode()
    data = ("k: " + "\n".join(text[at : at + width] for at in range(0, len(text), width))).encode()
    [(_, via, span)] = found(data)
    assert via == ("base64",)
    first, last = (len(before) + 1) * 4 // 3, -(-(len(before) + 41) * 4 // 3)
    assert bytes(byte for byte in span if byte not in b" \r\n").decode() == text[first:last]


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_nothing_raises(data: bytes) -> None:
    for mark in (
        b";base64,",
        b"H4sIAAAAAAAAAAAA",
        b"kind: Secret\n",
        b"\\u003dabcdefghijklmn",
        b"6768705f",
        b"0x67,0x68,0x70,0x5f",
    ):
        ENGINES["hyperscan"].examine(mark + data + mark)


def count_decoded_runs(monkeypatch: pytest.MonkeyPatch, data: bytes) -> int:
    """Return how many runs of *data* are decoded, and check that the token behind them is found."""
    decoded = []
    decode_run = decode._decode_run
    monkeypatch.setattr(decode, "_decode_run", lambda *words: decoded.append(0) or decode_run(*words))
    (hit,) = ENGINES["hyperscan"].examine(data + b" " + base64.b64encode(TOKEN.encode()), "a.txt").hits
    assert hit.secret.reveal() == TOKEN.encode()
    return len(decoded)


def test_a_run_in_which_nothing_is_found_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    near_miss = base64.b64encode(b"ghp_short") + b"."
    assert count_decoded_runs(monkeypatch, near_miss * 500) < 10


def test_a_run_is_not_decoded_again_for_each_of_its_markers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_decoded_runs(monkeypatch, base64.b64encode(b"ghp" * 8000)) < 10


def test_the_number_of_decoded_runs_is_bounded_and_told() -> None:
    runs = (base64.b64encode(b"ghp_%d" % number) for number in range(20_000))
    examined = ENGINES["hyperscan"].examine(b" ".join(runs), "a.txt")
    assert examined.unfinished == ("more encoded content than the limit; the rest was not decoded",)


@pytest.mark.parametrize(
    "text",
    [
        'x = "{one}"\n```\n{two}',
        'x("{one}%n" +\n  "{two}")',
        'x("{one}\\n" +\n  "{two}")',
        "x = '{one}'\n\"{two}\"",
        'set $x "{one}" "{two}"',
    ],
)
def test_strings_of_different_lines_are_not_joined(text: str) -> None:
    one, two = TOKEN[:20], TOKEN[20:]
    assert not found(text.format(one=one, two=two).encode())


@pytest.mark.parametrize("text", ['x = "{one}" +\n  "{two}"', 'x = "{one}" "{two}"', "x = ('{one}'\n  '{two}')"])
def test_strings_that_are_one_value_are_joined(text: str) -> None:
    one, two = TOKEN[:20], TOKEN[20:]
    assert [rule for rule, *_ in found(text.format(one=one, two=two).encode())] == ["acme.key"]
