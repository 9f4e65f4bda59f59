"""Every kind of text that is no value, with a credential of the same looks beside it."""

from __future__ import annotations

import base64
import random

import pytest

from detector.engine.declarations import read_declarations
from detector.engine.scoring import HIGH, read_candidates, score_candidates
from detector.engine.scoring.field_names import read_name
from detector.engine.scoring.file_kinds import read_path
from detector.engine.scoring.text_kinds import TEXT_KINDS
from detector.engine.scoring.value_kinds import name_kind

RANDOM = random.Random("text")
HEX = f"{RANDOM.getrandbits(128):032x}"
LONG = "".join(RANDOM.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=24))

CASES = [
    ("code of a template", '{{- if eq .Values.credentials "google" }}', f'{{{{ set .Values.credentials "{LONG}" }}}}'),
    ("code of a template", "{{- $randpass := randAlphaNum 10 }}", '{{ if x }} pass: "randAlphaNum"'),
    ("about a credential", "secretName: registry-pull", f"secretName: {LONG}"),
    ("the text behind a string", "password = getpass.getpass('Password: ').strip()", "password = ').strip()'"),
    ("the text behind a string", 'print("the token: " + token + ".")', 'print("x"); token = ")x$7"'),
    ("a call", "'SMTP Password' => mask_password(@values[:smtp_password]),", "'SMTP Password' => mA5k(7x),"),
    ("a call", "client_secret: settings.decode(raw_value)", "client_secret: s3tt1ngs(raw)"),
    ("a module", "generatePassword = require('generate-password')", "generatePassword = requires('generate-password')"),
    ("the name of an algorithm", "SET password_encryption = 'scram-sha-256'", "password = 'scram-sha-x56'"),
    ("the name of an algorithm", "EC::createKey('secp256k1')", "EC::loadKey('secq256k9')"),
    ("the name of an algorithm", "key: AES/CBC/PKCS5Padding", "key: AES/CBX/PKCS5Padding"),
    ("the name of an algorithm", 'jwt = { key: "HS256" }', f'jwt = {{ key: "{HEX}" }}'),
    ("another attribute", '<input type="password" id="verifyField" />', f'<input type="password" value="{LONG}" />'),
    ("another attribute", '<key id="2f0d2a5c-77a8-49d0-9d02-6c8ee8b7a3d2">', f'<key value="{HEX}">'),
    ("the name of a pair", '{Key: "logWarnings", Value: "print"}', f'{{Key: "{HEX}", Values: 3}}'),
    ("an object in the output of a program", 'secret "registry-pull" created', 'secret "registry-pull" for all'),
    ("a public key", f"Public key:  {HEX}{HEX}", f"Private key:  {HEX}{HEX}"),
    ("a public key", f"    public key: {HEX}", f"    public $private_key = '{HEX}'"),
    ("a URL", "pw : https://www.iana.test/domains/pw.html", f"secret : https://hooks.test/{LONG}"),
    ("a URL", "token: https://auth.test/oauth/token", "token: https://ann:g7Rw2@auth.test/oauth"),
    ("a word behind the name of a scheme", "Basic ElasticSearch and more", "Basic YWxpY2U6d29uZGVy"),
    ("a word behind the name of a scheme", "field DIGEST Lokhttp3/MediaType;", f"field DIGEST {LONG}"),
    ("a point in time", "user.password_sent_at = 2.days.ago", "user.password = '2.days.ago'"),
    ("a part of a credential", '"token_last_eight": "9b72d143"', '"token_eight": "9b72d143"'),
    ("about a credential", "session.auth.username: dXNlcm5hbWU=", f"session.auth.username: {LONG}"),
    ("about a credential", "PASSWORD_HASH_PROVIDER === 'sodium'", "PASSWORD === 'sodium'"),
    ("its own name", "rpcpassword=rpcpassword", "rpcpassword=rpcpasswort"),
    ("the beginning of a sentence", "DOMAIN_PASSWORD= WebLogic admin for the new domain", "DOMAIN_PASSWORD= WebLogic"),
    ("the beginning of a hash", "options.password = '$argon2id$'", "options.password = '$argon2id$x'"),
    ("a folder of a network", "net use p: \\\\FILES-01\\admin$ /user:john", "net use p: K7v2admin /user:john"),
    ("a counted sequence", f"key: {bytes(range(16)).hex()}", f"key: {HEX}"),
    ("a counted sequence", f"key: {'deadbeef' * 4}", f"key: deadbee{HEX[:25]}"),
    ("a counted sequence", "secret: 12345678901234567890", "secret: 12345678907234567890"),
    (
        "a counted sequence",
        f"key: {base64.b64encode(b'0123456789' * 3).decode()}",
        f"key: {base64.b64encode(RANDOM.randbytes(30)).decode()}",
    ),
]


def kinds(text: str) -> set[str]:
    data = text.encode()
    low = data.lower()
    return {
        name_kind(found, read_name(found.name), data[found.start : found.end], low[found.start : found.end], low)
        for found in read_declarations(data, low, "configuration")
    }


@pytest.mark.parametrize(("kind", "harmless", "credential"), CASES)
def test_it_tells_a_kind_from_a_credential_that_looks_like_it(kind: str, harmless: str, credential: str) -> None:
    assert kind in kinds(harmless)
    assert kind not in kinds(credential)


def test_every_kind_has_a_case() -> None:
    assert {kind for kind, _, _ in CASES} == {kind for kind, _ in TEXT_KINDS}


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("a.md", "密码：admin7q，登录后修改", "admin7q"),
        ("a.md", "（登录名 admin，密码：navi123456）", "navi123456"),
        ("a.yml", "password: “{V}”", "{V}"),
        ("a.env", "PASSWORD={V}，", "{V}"),
        ("a.txt", "The password is “{V}”.", "{V}"),
        ("a.nix", 'ALTER USER \\"user\\" PASSWORD \'{V}\';"', "{V}"),
    ],
)
def test_a_value_ends_at_a_sign_of_any_script(path: str, text: str, value: str) -> None:
    data = text.replace("{V}", LONG).encode()
    found = {row.value for row in read_candidates(data, read_path(path)) if not row.reason}
    assert found == {value.replace("{V}", LONG).encode()}


def test_a_numbered_string_in_a_row_of_values_names_nothing() -> None:
    row = f"INSERT INTO t VALUES\n('kid-5', 4, 'key-0005', '{HEX}')".encode()
    assert [one for one in read_candidates(row, read_path("a.sql")) if not one.reason] == []
    row = f"INSERT INTO settings VALUES\n(4, 'smtp_password', '{LONG}')".encode()
    assert [one.value for one in read_candidates(row, read_path("a.sql")) if not one.reason] == [LONG.encode()]
    call = f"define('api_key', '{HEX}')".encode()
    assert [one.value for one in read_candidates(call, read_path("a.php")) if not one.reason] == [HEX.encode()]


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("a.yml", 'passphrase: "seven blue otters dance"', "seven blue otters dance"),
        ("a.yml", "wallet_passphrase: witch collapse practice feed  # wallet", "witch collapse practice feed"),
        ("a.env", 'GPG_PASSPHRASE="Seven Blue Otters Dance Quietly 7"', "Seven Blue Otters Dance Quietly 7"),
        ("a.py", 'MNEMONIC = "legal winner thank year wave sausage"', "legal winner thank year wave sausage"),
        ("a.yml", 'db_password: "purple monkey dishwasher 42"', "purple monkey dishwasher 42"),
        ("a.py", 'passphrase = "Enter the phrase of your key"', ""),
        ("a.py", '"passphrase": "passphrase does not match"', ""),
        ("a.py", 'password = "at least eight characters"', ""),
        ("a.yml", "passphrase: required for every login attempt", ""),
        ("a.yml", 'passphrase: "two words"', ""),
    ],
)
def test_words_in_a_row_are_a_passphrase_under_such_a_name(path: str, text: str, value: str) -> None:
    rows = [row for row in score_candidates(text.encode(), [len(text)], path) if row.confidence]
    assert [text[row.start : row.end] for row in rows if row.score >= HIGH] == ([value] if value else [])


def test_a_signed_token_is_its_whole_text() -> None:
    token = f'{{\\"name\\": \\"root\\", \\"sig\\": \\"{HEX}\\"}}'
    inner = f'{{\\"name\\": \\"root\\", \\"secret\\": \\"{HEX}\\"}}'
    for text, value in ((f'var h = {{"Apitoken":"{token}"}}', token), (f'var h = {{"Apitoken":"{inner}"}}', HEX)):
        rows = [row for row in score_candidates(text.encode(), [len(text)], "a.js") if row.confidence]
        assert [text[row.start : row.end] for row in rows] == [value]
