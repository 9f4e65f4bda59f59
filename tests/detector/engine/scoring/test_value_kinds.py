"""Every kind of value that is no credential, with a credential of the same looks beside it."""

from __future__ import annotations

import random
import uuid

import pytest

from detector.engine.declarations import read_declarations
from detector.engine.scoring.field_names import read_name
from detector.engine.scoring.text_kinds import TEXT_KINDS
from detector.engine.scoring.value_kinds import KINDS, name_kind

RANDOM = random.Random("kinds")
HEX = f"{RANDOM.getrandbits(160):040x}"
UUID = str(uuid.UUID(int=RANDOM.getrandbits(128), version=4))
LONG = "".join(RANDOM.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=44))

CASES = [
    ("a ciphertext", f'password: "ENC({LONG})"', f'password: "{LONG}"'),
    ("a ciphertext", f"db_token: vault:v1:{LONG}", f"db_token: {LONG}"),
    ("a ciphertext", f"encrypted_secret: {LONG}", f"client_secret: {LONG}"),
    ("the key of a record", f'"primaryKey": "{UUID}"', f'"apiKey": "{UUID}"'),
    ("the key of a record", f"partition_key = '{HEX}'", f"signing_key = '{HEX}'"),
    ("an identifier", f'"tokenId": "{HEX}"', f'"token": "{HEX}"'),
    ("an identifier", f"secret_id: {UUID}", f"role_id: x\nsecret_id: {UUID}"),
    ("an identifier", f'"key_version": "{UUID}"', f'"key": "{UUID}"'),
    ("a digest or address", f"token_checksum={HEX}", f"token={HEX}"),
    ("a digest or address", f"token_contract: 0x{HEX}", f"token_private: 0x{HEX}"),
    ("the id of a public key", f"gpg_key: {HEX.upper()}", f"api_key: {HEX.upper()}"),
    ("an NTLM message", "auth: TlRMTVNTUAACAAAAyWqNOFRDUFejbzQGbzHQ", f"auth: {LONG}"),
    (
        "a signature",
        f"Authorization: AWS4-HMAC-SHA256 SignedHeaders=host, signature={HEX}{HEX[:24]}",
        f"signature={HEX}{HEX[:24]}",
    ),
    ("a cookie", "Set-Cookie: theme=allowed7; path=/", f"Set-Cookie: session={LONG}"),
    ("a CSRF token", f"csrf_token = '{LONG}'", f"auth_token = '{LONG}'"),
    ("used once", f"oauth_nonce='{LONG}'", f"oauth_secret='{LONG}'"),
    ("used once", 'Sec-WebSocket-Key: "NDMyMTUzMjE2MzIxNzMyMQ=="', 'X-Auth-Key: "NDMyMTUzMjE2MzIxNzMyMQ=="'),
    ("the name of a licence", "license: BSD-3-Clause", f"license_key: {LONG}"),
    ("the name of a licence", "license: GPL-3.0-only", f"license: {LONG}"),
    ("a version of an interface", "apiVersion: rbac.authorization.k8s.io/v1beta1", f"apiToken: {LONG}"),
    ("a package", "implementation 'com.auth0:jwks-rsa:0.12.0'", "auth: 'jwks-rsa:x0.12.0'"),
    ("an action", '"secretsmanager:ListSecretVersionIds"', '"secretsmanager: ListSecretVersionIds"'),
    ("a duration", '"refresh_token_lifetime": "42h0m0s"', '"refresh_token": "42h0m0"'),
    ("a duration", "key_size: 2048", "key: 2048"),
    ("the name of a user", 'auth = DigestAuth(username="Mufasa")', 'auth = DigestAuth(password="Mufasa")'),
    ("the result of a test", "--- PASS: TestResource_Keepers (0.91s)", "pass: TestResource_Keepers"),
    ("a path in JSON", 'o.SelectToken("Products[0].Price")', 'o.setToken("Products[0].Price")'),
    ("a duration", '"access_token_lifespan": "35h0m0s"', '"access_token": "35h0m0"'),
    ("an identifier of code", "render(conn, :edit, password_changeset: changeset)", "render(conn, token: change7et)"),
    ("an identifier of code", "view({{ token: csrfToken }})", "view({{ token: csrf7oken }})"),
    ("a repetition of its name", 'AccessTokenIssued = "OAuth2AccessTokenIssued"', 'token = "OAuth2AccessToken"'),
    ("an identifier", f'keyName = "{HEX}"', f'key = "{HEX}"'),
    ("the name of a variable", "password: 'PGPASSWORD'", "password: 'PGPASSWORD7'"),
    ("of a name that only resembles a credential's", "keywords: Vulnerable", "key: Vulnerable"),
    ("the name of a value", "def token = credentials('deploy')", "def token = credentials('depl0y')"),
    ("the name of a value", "key: db.fromGeneratedSecret('postgres')", "key: db.setSecret('postgres')"),
    ("a digest or address", f"hashed_token: {HEX}", f"cached_token: {HEX}"),
    ("an identifier", "x-amz-apigw-id: J04LaE6YPHcF3VA=", "x-amz-apigw: J04LaE6YPHcF3VA="),
    ("the name of a value", "Credentials.fromGeneratedSecret('postgres')", "Credentials.setSecret('postgres')"),
    ("public by design", f"SITE_KEY={LONG}", f"API_KEY={LONG}"),
    ("public by design", f"NEXT_PUBLIC_MAP_KEY={LONG}", f"NEXT_PUBLIC_SECRET_KEY={LONG}"),
    (
        "a token of a public download",
        f'"https://firebasestorage.googleapis.com/x?token={UUID}"',
        f'"https://x.test/?token={UUID}"',
    ),
    ("a validation rule or type", "'password' => 'required|min:10'", "'password' => 'requ1red-min-10'"),
    ("the name of a type", "key: Ed25519PrivateKey", "key: Ed25519privateKey7"),
    ("the name of a variable", "password: 'MAIN_DATABASE_PASSWORD'", "password: 'MAIN-DATABASE-22-x'"),
    ("a path", "secret: /run/secrets/database", f"secret: /{LONG}"),
    ("a path", 'run -v "$PWD:/work:ro"', f"pwd: {LONG}"),
    ("the other value of a choice", 'ok ? "pass" : "broken77"', 'ok("pass": "broken77")'),
    ("of a name that only resembles a credential's", "bypass: Vulnerable", "pass: Vulnerable"),
    ("a word of a language", '"password": "Пароль"', '"password": "Пароль77"'),
    ("a placeholder", "password: mypassword", "password: myp4ssword"),
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
    assert {kind for kind, _, _ in CASES} == {kind for kind, _ in KINDS if kind not in dict(TEXT_KINDS)}
