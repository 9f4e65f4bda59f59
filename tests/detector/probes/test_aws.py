"""AWS keys: the signature, the canaries, and two emulators of STS."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from detector.model import VerdictState
from detector.probes import aws
from detector.probes.core.contract import ProbeSettings
from detector.rules.shapes import expand
from tests.detector.probes.conftest import finding, verdict
from tests.fakes.provider import Authority, Provider, Say, client_to
from tests.rotators import world

SECRET = expand("{base64:40}", 1)


def key_of(account: str, head: str = "AKIA") -> str:
    """Make a key id that names *account*."""
    import base64

    number = (int(account) << 7 | 1 << 47).to_bytes(6, "big") + b"\x00" * 4
    return head + base64.b32encode(number).decode()[:16]


def pair(key: str, secret: str = SECRET, **more: str) -> dict[str, object]:
    return {"secret": key, "parts": {"secret-access-key": secret, **more}}


def at(url: str, **more: object) -> ProbeSettings:
    return ProbeSettings(allow_internal=("127.0.0.1",), host_for=(("aws.*", url),), rate=100, reach=True, **more)


def test_the_signature_is_botocores() -> None:
    """It signs as botocore does, header for header."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    key = key_of("123456789012", "ASIA")
    now = datetime.now(UTC)
    ours = dict(aws.sign_request("sts.amazonaws.com", "us-east-1", key, SECRET, "the token", aws.BODY, now))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", "https://sts.amazonaws.com/", data=aws.BODY, headers=headers)
    signer = SigV4Auth(Credentials(key, SECRET, "the token"), "sts", "us-east-1")
    import botocore.auth

    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return now

        @classmethod
        def utcnow(cls) -> datetime:
            return now.replace(tzinfo=None)

    patched = pytest.MonkeyPatch()
    if hasattr(botocore.auth, "get_current_datetime"):
        patched.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: now.replace(tzinfo=None))
    else:
        patched.setattr(botocore.auth.datetime, "datetime", Then)
    try:
        signer.add_auth(request)
    finally:
        patched.undo()
    theirs = {name.lower(): value for name, value in request.headers.items()}
    assert ours["authorization"] == theirs["authorization"]
    assert ours["x-amz-security-token"] == theirs["x-amz-security-token"]


@pytest.mark.parametrize("account", ["052310077262", "992382622183", "123123123123"])
def test_a_canary_is_never_asked(account: str, acme: Provider, authority: Authority) -> None:
    settings = ProbeSettings(canary_accounts=frozenset({"123123123123"}))
    assert aws.decode_account(key_of(account).encode()) == account
    found = finding("aws.access-key", **pair(key_of(account)))
    told = verdict(found, client=lambda: client_to(acme, authority, settings))
    assert told.state == VerdictState.UNKNOWN and account in told.why
    assert not acme.heard


@pytest.mark.parametrize(
    ("say", "state"),
    [
        (Say(403, "<Code>InvalidClientTokenId</Code>"), VerdictState.DEAD),
        (Say(403, "<Code>SignatureDoesNotMatch</Code><Message>Signature expired: 2020"), VerdictState.UNKNOWN),
        (Say(403, "<Code>ExpiredToken</Code>"), VerdictState.DEAD),
        (Say(403, "<Code>AccessDenied</Code>"), VerdictState.UNKNOWN),
        (Say(200, "<html>hello</html>"), VerdictState.UNKNOWN),
        (Say(503, ""), VerdictState.UNKNOWN),
    ],
)
def test_what_sts_says_means(say: Say, state: str, acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: say
    found = finding("aws.access-key", **pair(key_of("123456789012")))
    assert verdict(found, client=lambda: client_to(acme, authority)).state == state
    (heard,) = acme.heard
    assert (heard.method, heard.host, heard.target) == ("POST", "sts.amazonaws.com", "/")
    assert heard.body == b"Action=GetCallerIdentity&Version=2011-06-15"


def test_the_partition_that_the_line_names_is_asked(acme: Provider, authority: Authority) -> None:
    found = finding("aws.access-key", line="SECRET region=cn-north-1", **pair(key_of("123456789012")))
    verdict(found, client=lambda: client_to(acme, authority))
    assert acme.heard[0].host == "sts.cn-north-1.amazonaws.com.cn"
    assert "/cn-north-1/sts/aws4_request" in acme.heard[0].headers["authorization"]


def test_a_temporary_key_without_its_token_is_not_asked(acme: Provider, authority: Authority) -> None:
    found = finding("aws.temporary-key", **pair(key_of("123456789012", "ASIA")))
    told = verdict(found, client=lambda: client_to(acme, authority))
    assert told.state == VerdictState.UNKNOWN and "session token" in told.why and not acme.heard


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with world.moto() as url:
        yield url


@pytest.fixture(scope="module")
def ministack() -> Iterator[str]:
    program = os.environ.get("MINISTACK") or shutil.which("ministack")
    if not program:
        pytest.skip("ministack is not installed")
    port = world.free_port()
    env = {"AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": "iam,sts"}
    with world.server([program], port, env) as url:
        yield url


@pytest.mark.net
@pytest.mark.parametrize("emulator", ["moto", "ministack"])
def test_an_emulator_of_sts(emulator: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(emulator)
    there = world.Aws(url)
    iam = there.client("iam")
    iam.create_user(UserName=there.user)
    key = iam.create_access_key(UserName=there.user)["AccessKey"]
    if emulator == "moto":
        world.moto_api(url, "reset-auth", b"0")
    try:
        found = finding("aws.access-key", **pair(key["AccessKeyId"], key["SecretAccessKey"]))
        live = verdict(found, at(url))
        assert live.state == VerdictState.LIVE and live.owner.endswith(f"user/{there.user}"), live
        wrong = finding("aws.access-key", **pair(key["AccessKeyId"], SECRET))
        assert verdict(wrong, at(url)).state == VerdictState.DEAD
    finally:
        if emulator == "moto":
            world.moto_api(url, "reset-auth", b"inf")


@pytest.mark.net
def test_an_sts_that_checks_nothing_proves_nothing(moto: str) -> None:
    world.moto_api(moto, "reset-auth", b"inf")
    told = verdict(finding("aws.access-key", **pair(key_of("123456789012"))), at(moto))
    assert told.state == VerdictState.UNKNOWN and "unprovable" in told.why
