"""What each answer proves, and that everything else proves nothing."""

from __future__ import annotations

import json

import pytest

from detector.probes.core import answers
from detector.probes.core.answers import Meaning

TABLES = {name: table for name, table in vars(answers).items() if name.isupper() and name[0] != "_"}


def say_vault(*errors: str) -> bytes:
    return json.dumps({"errors": list(errors)}).encode()


def say_sts(code: str, message: str = "no") -> str:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


def test_each_row_names_its_source() -> None:
    assert {"AWS_LONG_TERM", "AWS_SESSION", "VAULT_LOOKUP", "SLACK"} <= set(TABLES)
    for name, table in TABLES.items():
        assert table and all(row.statuses and row.why and row.source for row in table), name


@pytest.mark.parametrize(
    "body", [b"", b"<html>Not found</html>", b"[]", b"{}", b'{"errors": "x"}', b'{"errors": [1]}', b'{"message": "no"}']
)
@pytest.mark.parametrize("table", [name for name in TABLES if name.startswith("VAULT")])
def test_an_answer_in_another_form_is_not_vaults(table: str, body: bytes) -> None:
    for status in (200, 400, 403, 404, 407, 502):
        assert answers.judge(TABLES[table], status, answers.read_vault(status, body)).means == Meaning.NOTHING


@pytest.mark.parametrize(
    ("table", "status", "errors", "means"),
    [
        ("VAULT_LOOKUP", 403, ["bad token"], Meaning.DEAD),
        ("VAULT_LOOKUP", 403, ["permission denied"], Meaning.NOTHING),
        ("VAULT_LOOKUP", 403, ["1 error occurred:\n\t* permission denied\n\n"], Meaning.NOTHING),
        ("VAULT_LOOKUP", 400, ["bad token"], Meaning.NOTHING),
        ("VAULT_LOOKUP", 404, ["namespace not found"], Meaning.NOTHING),
        ("VAULT_LOOKUP", 400, ["missing client token"], Meaning.NOTHING),
        ("VAULT_LOOKUP", 503, ["Vault is sealed"], Meaning.NOTHING),
        ("VAULT_LOOKUP_SELF", 403, ["permission denied"], Meaning.REFUSED),
        ("VAULT_LOOKUP_SELF", 403, ["1 error occurred:\n\t* permission denied\n\n"], Meaning.LIVE),
        (
            "VAULT_LOOKUP_SELF",
            403,
            ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"],
            Meaning.DEAD,
        ),
        ("VAULT_LOOKUP_ACCESSOR", 400, ["1 error occurred:\n\t* invalid accessor\n\n"], Meaning.DEAD),
        (
            "VAULT_LOOKUP_ACCESSOR",
            500,
            ["1 error occurred:\n\t* cannot lookup token in different namespace\n\n"],
            Meaning.LIVE,
        ),
        ("VAULT_LEASE", 400, ["invalid lease"], Meaning.DEAD),
        ("VAULT_LEASE", 400, ["failed to revoke entry"], Meaning.NOTHING),
        ("VAULT_LEASE", 404, ["invalid lease"], Meaning.NOTHING),
        ("VAULT_LOGIN", 400, ["invalid username or password"], Meaning.DEAD),
        ("VAULT_LOGIN", 403, ["permission denied"], Meaning.NOTHING),
    ],
)
def test_what_vault_says_means(table: str, status: int, errors: list[str], means: Meaning) -> None:
    assert answers.judge(TABLES[table], status, answers.read_vault(status, say_vault(*errors))).means == means


@pytest.mark.parametrize(
    ("text", "long_term", "session"),
    [
        (say_sts("InvalidClientTokenId"), Meaning.NOT_HERE, Meaning.REFUSED),
        (say_sts("SignatureDoesNotMatch"), Meaning.EXISTS, Meaning.EXISTS),
        (say_sts("SignatureDoesNotMatch", "Signature expired: 2020 is now earlier"), Meaning.SKEW, Meaning.SKEW),
        (say_sts("SignatureDoesNotMatch", "Signature not yet current: 2031"), Meaning.SKEW, Meaning.SKEW),
        (say_sts("RequestExpired"), Meaning.SKEW, Meaning.SKEW),
        (say_sts("AccessDenied"), Meaning.LIVE, Meaning.LIVE),
        (say_sts("ExpiredToken"), Meaning.DEAD, Meaning.DEAD),
        (say_sts("RegionDisabledException"), Meaning.NOTHING, Meaning.NOTHING),
        (say_sts("Throttling"), Meaning.NOTHING, Meaning.NOTHING),
        ("<html>AccessDenied</html>", Meaning.NOTHING, Meaning.NOTHING),
        ("<Error><Code>AccessDenied</Code></Error>", Meaning.NOTHING, Meaning.NOTHING),
        ("", Meaning.NOTHING, Meaning.NOTHING),
    ],
)
def test_what_sts_says_means(text: str, long_term: Meaning, session: Meaning) -> None:
    said = answers.read_sts(403, text)
    assert answers.judge(answers.AWS_LONG_TERM, 403, said).means == long_term
    assert answers.judge(answers.AWS_SESSION, 403, said).means == session


@pytest.mark.parametrize(
    ("body", "means"),
    [
        (b'{"ok": true}', Meaning.LIVE),
        (b'{"ok": false, "error": "token_revoked"}', Meaning.DEAD),
        (b'{"ok": false, "error": "invalid_auth"}', Meaning.REFUSED),
        (b'{"ok": false, "error": "account_inactive"}', Meaning.SUSPENDED),
        (b'{"ok": false, "error": "not_authed"}', Meaning.NOTHING),
        (b'{"ok": false, "error": "ratelimited"}', Meaning.NOTHING),
        (b'{"error": "token_revoked"}', Meaning.NOTHING),
        (b"<html>token_revoked</html>", Meaning.NOTHING),
    ],
)
def test_what_slack_says_means(body: bytes, means: Meaning) -> None:
    assert answers.judge(answers.SLACK, 200, answers.read_slack(body)).means == means
