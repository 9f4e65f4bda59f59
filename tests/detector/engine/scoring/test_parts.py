"""The parts of the scoring one by one: names, files, shapes, naturalness, rejection, features, weights."""

from __future__ import annotations

import doctest
import random
import re

import pytest

from detector.engine.anchors import build_automaton
from detector.engine.declarations import Candidate
from detector.engine.scoring import (
    extract_features,
    features,
    field_names,
    file_kinds,
    naturalness,
    rejection,
    score_candidates,
)
from detector.engine.scoring.anchors import ANCHORS
from detector.engine.scoring.features import describe_shape
from detector.engine.scoring.field_names import FieldName, read_name
from detector.engine.scoring.file_kinds import read_path
from detector.engine.scoring.weights import PRIOR, WEIGHTS
from detector.rules.check import draw_match

ONCE = "a request token"


@pytest.mark.parametrize("module", [file_kinds, field_names, naturalness, features])
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mysqlRootPwd", "pwd"), ("MYSQL-ROOT-PASSWORD", "password"), ("clientSecret", "client secret"),
        ("aws_secret_access_key", "secret key"), ("idToken", "access token"), ("nextPageToken", "page token"),
        ("publicKeyToken", "public key"), ("rsa_private_key", "private key"), ("primaryKey", "structural key"),
        ("hashed_token", "hash"), ("author", "author"), ("compass", "pass"), ("foo", ""),
    ],
)  # fmt: skip
def test_it_reads_names(name: str, kind: str) -> None:
    assert read_name(name.encode()).kind == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/app.py", "code"), ("deploy/Dockerfile.prod", "shell"), (".env.production", "configuration"),
        ("i18n/de.json", "translation"), ("locales/fr_FR.yml", "translation"), ("src/config.json", "data"),
        ("docs/a.md", "documentation"), ("LICENSE", "other"), ("", "unknown"),
    ],
)  # fmt: skip
def test_it_reads_paths(path: str, kind: str) -> None:
    assert read_path(path).kind == kind


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (b"hunter", "lower-case letters"), (b"Hunter22", "capitalised word with digits"), (b"0a1b2c3d", "hex digits"),
        (b"a_b_c", "separated lower-case words"), (b"A-B", "separated upper-case words"), (b"YWJj0==", "padded Base64"),
        (b"a b", "phrase"), (b"4711", "digits"), (b"pa$$w0rd!", "letters, digits and punctuation"), ("pä".encode(), "other than ASCII"),
        (b"01234567-89ab-cdef-0123-456789abcdef", "UUID"), (b"a.b.c", "dotted words"), (b"#!$a", "mostly punctuation"),
    ],
)  # fmt: skip
def test_it_names_shapes(value: bytes, shape: str) -> None:
    assert describe_shape(value) == shape


def test_words_read_more_natural_than_random_letters() -> None:
    assert naturalness.bits_per_character(b"configuration") < 3 < naturalness.bits_per_character(b"xqzkvjwpgh")


def test_random_text_has_the_entropy_of_its_alphabet_and_words_have_less() -> None:
    even = bytes(range(97, 97 + 26))
    assert naturalness.entropy_deficit(even, 26) < 0
    assert naturalness.entropy_deficit(b"abababababababab", 26) > 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"${DB_PASSWORD}", "a reference or template"), (b"{{ password }}", "a reference or template"),
        (b"<your-token>", "a reference or template"), (b"********", "a mask"), (b"xxxxxxxx", "a mask"),
        (b"string", "a constant or type word"), (b"ab", "shorter than 3 characters"),
        (b"must not be shorter than that", "a sentence"), (b"ghp_{alnum:36}", "a template with holes"),
        (b"user {0} failed", "a template with holes"), (b"%(name)s-1", "a template with holes"),
        (b"AKIAIOSFODNN7EXAMPLE", "a documented example"), (b"^7.1.3", "a version or object identifier"),
        (b"^3.0.0 || ^4.0.0-rc.1", "a version or object identifier"), (b">=1.2 <2", "a version or object identifier"),
        (b"7.1.2", "a version or object identifier"), (b"5.0.0-rc.1(acme@22.1.6)(b", "a version or object identifier"),
        (b"2.5.29.14", "a version or object identifier"), (b"#d8dee9", "a colour"), (b"[a-z0-9]+", "a regular expression"),
        (b"(?P<token>x)", "a regular expression"), (b"Again: ", "a prompt"), (b"ghp_\\u2026iY0I (40)", "a mask"),
        (b"None):", "a constant or type word"), (b"hello<ther>e", ""),
        (b"uid\xfa", "not printable"), (b"gr\xfcnkohl", ""), (b"00000000-0000-0000-0000-000000000000", "an identifier"),
    ],
)  # fmt: skip
def test_a_veto_says_why(value: bytes, reason: str) -> None:
    candidate = Candidate("assign", b"password", 0, 12, 12 + len(value), b"=", b'"')
    assert (
        rejection.rejection_reason(candidate, FieldName("password", "", ""), value, value.lower(), "code", False, b"")
        == reason
    )


@pytest.mark.parametrize(
    ("name", "before", "reason"),
    [
        ("TargetKeyId", b'{"', "an identifier"), ("credentials-id", b" '", "an identifier"), ("LockToken", b'{"', ONCE),
        ("--client-token", b" ", ONCE), ("nextLockToken", b'{"', "a token of pages or of text"),
        ("starting-token", b"--", "a token of pages or of text"), ("Key", b"::", "the name of a type"),
        ("secret_id", b' "', ""), ("access_token", b' "', ""),
    ],
)  # fmt: skip
def test_a_uuid_is_judged_by_its_name(name: str, before: bytes, reason: str) -> None:
    value = b"01234567-89ab-cdef-0123-456789abcdef"
    candidate = Candidate("assign", name.encode(), 2, 12, 48, b":", b'"')
    assert (
        rejection.rejection_reason(candidate, read_name(name.encode()), value, value, "data", False, before) == reason
    )


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", 'given = {"password": Secret(password.encode())}'), ("a.py", 'key = self._get_param("AccessKeyId8")'),
        ("a.py", "def open(self, pwd=None):"), ("a.d.mts", "secretKey: Uint8Array;"),
        ("a.ts", "recaptchaToken: recaptchaV2Token,"), ("a.pyi", "def set(key: _win32typing.PyHKEY, x)"),
        ("a.js", "credentials: 'same-origin',"), ("a.sh", "aws waf delete --change-token 01234567-89ab-cdef-0123-456789abcdef"),
    ],
)  # fmt: skip
def test_code_is_no_credential(path: str, line: str) -> None:
    data = line.encode()
    assert not [
        one for one in score_candidates(data, range(1, len(data)), path) if one.confidence in ("medium", "high")
    ]


def test_an_unquoted_word_is_a_variable_in_code_and_a_value_in_configuration() -> None:
    bare = Candidate("assign", b"password", 0, 11, 17, b"=", b"")
    name = FieldName("password", "", "")
    assert rejection.rejection_reason(bare, name, b"foobar", b"foobar", "code", False, b"") == "an identifier"
    assert rejection.rejection_reason(bare, name, b"foobar", b"foobar", "code", True, b"") == ""
    assert rejection.rejection_reason(bare, name, b"foobar", b"foobar", "configuration", False, b"") == ""


def test_no_fact_counts_twice() -> None:
    data = b'db.password = "Correct.Horse7"\nAuthorization: Basic YWRtaW46aHVudGVyMg==\nurl: http://a:b7c8@host\n'
    seen = [one for _, one in extract_features(data, range(0, len(data), 20), "a.yml")]
    assert seen
    for one in seen:
        assert len(one.features) == len(set(one.features))


def test_the_table_is_small_and_readable() -> None:
    assert -8 < PRIOR < 0 and len(WEIGHTS) > 200
    assert sum(len(fact) + 8 for fact in WEIGHTS) < 100_000
    assert all(weight == round(weight, 1) and weight for weight in WEIGHTS.values())
    assert list(WEIGHTS) == sorted(WEIGHTS)


def test_no_anchor_reaches_over_the_seam_of_joined_blobs() -> None:
    for anchor in ANCHORS:
        assert not re.search(anchor.tail.encode(), b"\n\x00\n" * 3, re.DOTALL) or not anchor.tail


def test_an_anchor_is_seen_where_it_is_looked_for_loosely_first() -> None:
    rng = random.Random(3)
    looked_for = [anchor for anchor in ANCHORS if anchor.loose]
    fast, plain = (build_automaton(looked_for, engine) for engine in ("hyperscan", "ahocorasick"))
    for index, anchor in enumerate(looked_for):
        for _ in range(8):
            text = draw_match(re.escape(anchor.text.decode("latin-1")) + anchor.tail, rng)
            places = fast.scan(text)
            assert (index, len(text)) in places, (anchor, text)
            assert {found for found, _ in places} == {found for found, _ in plain.scan(text)}
    assert len({anchor.tail for anchor in looked_for}) > 5


def test_importing_the_scoring_is_light() -> None:
    import subprocess
    import sys

    code = "import sys, detector.engine.scoring; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "regex", "hyperscan", "ahocorasick", "json", "dataclasses"} & set(loaded)
