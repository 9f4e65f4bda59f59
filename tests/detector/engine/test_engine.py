"""The engine as a whole: rules in, bytes in, hits out."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine import engine as engine_module
from detector.engine.decode import inline
from detector.engine.engine import Engine
from detector.model import Rule
from detector.rules import pack as packs
from detector.rules.loader import parse
from detector.rules.shapes import expand

RULES = r"""
service = "Acme"

[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{6}"]
pattern = '\b(acme_[0-9a-z]{24})(?![0-9a-z_])'

[[rule]]
id = "acme.sum"
finds = "Acme summed token"
anchors = ["acm_"]
pattern = '\b(acm_[0-9A-Za-z]{36})\b'
checks = ["github-crc32"]

[[rule]]
id = "acme.pair"
finds = "Acme pair"
anchors = ["ACID"]
pattern = '\b(ACID[0-9]{8})\b'
[[rule.companions]]
name = "key"
pattern = '\b([0-9a-f]{32})\b'
within = 100
required = true

[[rule]]
id = "generic.word"
finds = "anything assigned to acme"
context = ["acme"]
value = '[0-9a-z_]{8,60}'
specificity = 10
"""
KEY = expand("acme_{base36:24}", 1).encode()
SUM = expand("acm_{alnum:30}{check:github-crc32}", 2).encode()


def engine(automaton: str = "hyperscan", text: str = RULES) -> Engine:
    return packs.build_engine(packs.compile_pack(parse(text), engine=automaton))


ENGINES = {name: engine(name) for name in ("hyperscan", "ahocorasick")}


def ids(data: bytes, name: str = "hyperscan") -> list[tuple[str, bytes]]:
    return [(hit.rule.id, data[hit.start : hit.end]) for hit in ENGINES[name].scan(data)]


@pytest.mark.parametrize("name", ENGINES)
def test_a_token_is_found_wherever_it_stands(name: str) -> None:
    for data in (
        KEY,
        b"x" * 5000 + b"\n'" + KEY + b"'",
        b"\xff\x00" + b'{"k":"' + KEY + b'"}',
        b"https://h/?t=" + KEY + b"&x",
    ):
        assert ids(data, name)[-1] == ("acme.key", KEY)


@pytest.mark.parametrize("name", ENGINES)
def test_a_longer_or_shorter_text_is_another_thing(name: str) -> None:
    assert ids(KEY[:-1], name) == []
    assert ids(KEY + b"a", name) == []
    assert ids(b"a" + KEY, name) == []


def test_a_checksum_proves_or_refutes() -> None:
    hit = ENGINES["hyperscan"].scan(b"t=" + SUM)[0]
    assert (hit.verdict.state, hit.confidence) == ("valid-format", "high")
    broken = SUM[:-1] + (b"a" if SUM[-1:] != b"a" else b"b")
    examined = ENGINES["hyperscan"].examine(broken, keep_rejected=True)
    assert [rejected.rule_id for rejected in examined.rejected] == ["acme.sum"]
    assert examined.hits == ()


@pytest.mark.parametrize("order", [(b"ACID49218305 ", b"secret "), (b"secret ", b"ACID49218305 ")])
def test_parts_are_found_in_either_order(order: tuple[bytes, bytes]) -> None:
    secret = expand("{hex:32}", 5).encode()
    data = b"".join(secret + b" " if part == b"secret " else part for part in order)
    hits = ENGINES["hyperscan"].scan(data)
    assert [hit.rule.id for hit in hits] == ["acme.pair"]
    assert hits[0].parts[0].name == "key"
    assert hits[0].parts[0].secret.reveal() == secret


def test_a_required_part_that_is_missing_or_far_is_no_finding() -> None:
    secret = expand("{hex:32}", 5).encode()
    assert ids(b"ACID49218305") == []
    assert ids(b"ACID49218305" + b" " * 200 + secret) == []


def test_the_specific_rule_keeps_the_bytes() -> None:
    assert ids(b"acme = '" + KEY + b"'") == [("acme.key", KEY)]
    assert ids(b"acme = 'quite_other9'") == [("generic.word", b"quite_other9")]


def test_no_rules_find_nothing() -> None:
    assert packs.build_engine(packs.compile_pack([])).scan(KEY) == ()


PIECES = [
    KEY,
    SUM,
    KEY[:9],
    b"acme",
    b" = ",
    b'"',
    b"\n",
    b"x" * 40,
    b"ACID49218305",
    b"\xff",
    expand("{hex:32}", 5).encode(),
    b"/",
    b" ",
]
BLOBS = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)


@given(BLOBS)
@settings(max_examples=300)
def test_the_automata_lead_to_the_same_hits(data: bytes) -> None:
    assert ENGINES["hyperscan"].scan(data) == ENGINES["ahocorasick"].scan(data)


@given(st.lists(BLOBS, max_size=6))
@settings(max_examples=200)
def test_a_batch_says_what_each_blob_says(blobs: list[bytes]) -> None:
    alone = [(index, found) for index, blob in enumerate(blobs) if (found := ENGINES["hyperscan"].scan(blob))]
    together = ENGINES["hyperscan"].examine_batch([(blob, "", None) for blob in blobs])
    assert [(index, examined.hits) for index, examined in together if examined.hits] == alone


@given(BLOBS, st.integers(0, 3000))
@settings(max_examples=100)
def test_what_stands_around_changes_nothing(data: bytes, room: int) -> None:
    alone = [(hit.rule.id, hit.start, hit.end) for hit in ENGINES["hyperscan"].scan(data)]
    shifted = ENGINES["hyperscan"].scan(b"\n" * room + data + b"\n" * room)
    assert [(hit.rule.id, hit.start - room, hit.end - room) for hit in shifted] == alone


@given(BLOBS)
@settings(max_examples=200)
def test_a_text_read_in_pieces_has_the_same_hits(data: bytes) -> None:
    one = ENGINES["hyperscan"]
    whole = one._automaton.scan(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "PIECE", 16)
        assert list(one._scan_in_pieces(data)) == whole


@given(BLOBS)
@settings(max_examples=200)
def test_hits_that_count_as_one_lead_to_the_same_credentials(data: bytes) -> None:
    expected = ENGINES["hyperscan"].scan(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "MANY_HITS", 0)
        assert engine().scan(data) == expected


def test_many_beginnings_of_a_token_cost_little_and_hide_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops behind pass 1 are counted, as time would flake on a busy machine."""
    looked_at = []
    monkeypatch.setattr(inline, "detect_notations", lambda data, start, end: looked_at.append((start, end)) or iter(()))
    windows = []
    merge = engine_module.merge_windows
    monkeypatch.setattr(
        engine_module, "merge_windows", lambda places, *rest: merge(windows.extend(places) or places, *rest)
    )
    begun = b"acme_0a1b2c. " * 20_000
    data = begun + KEY + b" " + begun
    assert KEY in [data[hit.start : hit.end] for hit in engine().scan(data)]
    assert len(looked_at) < len(data) // 1000
    assert len(windows) < len(data) // 1000


def test_an_expression_that_runs_away_is_reported_not_waited_for() -> None:
    text = """
[[rule]]
id = "bad.one"
finds = "a runaway"
anchors = ["aaaa"]
pattern = '(?:a|aa)+(?:a|aa)+(?:a|aa)+b'
"""
    examined = engine(text=text).examine(b"a" * 3000)
    assert examined.hits == ()
    assert "bad.one took too long" in examined.unfinished[0]


def _private_keys(rules: Sequence[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.id.startswith("private-key.")]


def test_a_key_under_a_passphrase_has_low_confidence() -> None:
    keys = packs.build_engine(packs.load_pack(select=_private_keys))
    for shape, confidence in (
        ("{pem:openssh}", "high"),
        ("{pem:openssh-locked}", "low"),
        ("{pem:pkcs8-locked}", "low"),
    ):
        (hit,) = keys.scan(expand(shape).encode())
        assert (hit.confidence, hit.verdict.state) == (confidence, "valid-format")


SAMPLED = r"""
service = "Acme"

[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{6}"]
pattern = '\b(acme_[0-9a-z]{24})(?![0-9a-z_])'
placeholders = ["acme_0123"]

[[rule]]
id = "acme.sum"
finds = "Acme summed token"
anchors = ["acm_"]
pattern = '\b(acm_[0-9A-Za-z]{36})\b'
checks = ["github-crc32"]

[[rule]]
id = "generic.token"
finds = "token"
scored = true
"""


def test_what_a_rule_proves_to_be_none_is_not_reported_as_a_generic_credential() -> None:
    sampled = engine(text=SAMPLED)
    random = expand("{base36:20}", 3)
    wrong = SUM.decode()[:-6] + "aaaaaa"
    for value in ("acme_0123" + random, wrong):
        assert not sampled.scan(f'api_token = "{value}"'.encode()), value
    assert [hit.rule.id for hit in sampled.scan(f'api_token = "acne_0123{random}"'.encode())] == ["generic.token"]
