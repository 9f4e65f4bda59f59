"""AWS keys: the signature, the canaries, and two emulators of STS."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from detector.model import VerdictState
from detector.probes import aws
from detector.probes.core.contract import ProbeSettings
from detector.rules.shapes import expand
from detector.secret import Secret
from detector.verify import run
from tests.detector.probes.conftest import finding, verdict
from tests.fakes.provider import Authority, Heard, Provider, Say, client_to
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
    settings = ProbeSettings(allow_internal=("127.0.0.1",), host_for=(("aws.*", url),), rate=100, reach=True, **more)
    return settings._replace(partner_pause=0.0)


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


def error(code: str, message: str = "no", **headers: str) -> Say:
    text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return Say(403, text, tuple(headers.items()))


def identity(arn: str = "arn:aws:iam::123456789012:user/ci") -> Say:
    text = f"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn></GetCallerIdentityResult>"
    return Say(200, text + "</GetCallerIdentityResponse>")


QUICK = ProbeSettings(timeout=60, partner_pause=0.0, reach=True)
OTHER_SECRET = expand("{base64:40}", 2)


def secret_used(heard: Heard, *secrets: str) -> str:
    """Return the secret that *heard* is signed with, or "" for another one."""
    found = re.search(r"Credential=([A-Z0-9]+)/\d+/([\w-]+)/.*Signature=(\w+)", heard.headers["authorization"])
    assert found
    then = datetime.strptime(heard.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    token = heard.headers.get("x-amz-security-token", "")
    for secret in secrets:
        made = aws.sign_request(heard.host, found[2], found[1], secret, token, heard.body, then)
        if found[3] in dict(made)["authorization"]:
            return secret
    return ""


@pytest.mark.parametrize(
    ("say", "state", "hosts"),
    [
        (error("InvalidClientTokenId"), VerdictState.DEAD, 4),
        (error("UnrecognizedClientException"), VerdictState.DEAD, 4),
        (error("SignatureDoesNotMatch"), VerdictState.UNKNOWN, 1),
        (error("SignatureDoesNotMatch", "Signature expired: 2020"), VerdictState.UNKNOWN, 1),
        (error("ExpiredToken"), VerdictState.DEAD, 1),
        (error("RegionDisabledException"), VerdictState.UNKNOWN, 1),
        (error("Throttling"), VerdictState.UNKNOWN, 1),
        (Say(403, "<html>AccessDenied</html>"), VerdictState.UNKNOWN, 1),
        (Say(403, "InvalidClientTokenId"), VerdictState.UNKNOWN, 1),
        (Say(404, "<html>not here</html>"), VerdictState.UNKNOWN, 1),
        (Say(200, "<html>hello</html>"), VerdictState.UNKNOWN, 1),
        (Say(200, "<html>arn:aws:iam::123456789012:user/ci</html>"), VerdictState.UNKNOWN, 1),
        (Say(503, ""), VerdictState.UNKNOWN, 1),
    ],
)
def test_what_sts_says_means(say: Say, state: str, hosts: int, acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: say
    found = finding("aws.access-key", **pair(key_of("123456789012")))
    assert verdict(found, client=lambda: client_to(acme, authority, QUICK)).state == state
    heard = acme.heard[0]
    assert (heard.method, heard.host, heard.target) == ("POST", "sts.amazonaws.com", "/")
    assert heard.body == b"Action=GetCallerIdentity&Version=2011-06-15"
    assert len({heard.host for heard in acme.heard}) == hosts


def test_a_wrong_partner_says_that_the_key_id_is_live(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: error("SignatureDoesNotMatch")
    found = finding("aws.access-key", **pair(key_of("123456789012")))
    told = verdict(found, client=lambda: client_to(acme, authority, QUICK))
    assert told.state == VerdictState.UNKNOWN and "key id is live" in told.why
    assert len(acme.heard) == 2  # asked once more: a secret that was asked just before gives the same answer


def test_a_refusal_that_passes_is_asked_about_once_more(acme: Provider, authority: Authority) -> None:
    def answer(heard: Heard) -> Say:
        right = secret_used(heard, SECRET) and len(acme.heard) > 1
        return identity() if right else error("SignatureDoesNotMatch")

    acme.answer = answer
    found = finding("aws.access-key", **pair(key_of("123456789012")))
    assert verdict(found, client=lambda: client_to(acme, authority, QUICK)).state == VerdictState.LIVE


def test_the_second_of_two_secrets_is_found_and_never_within_the_pause(acme: Provider, authority: Authority) -> None:
    pause = 0.4
    acme.answer = lambda heard: identity() if secret_used(heard, SECRET) else error("SignatureDoesNotMatch")
    found = finding("aws.access-key", **pair(key_of("123456789012"), OTHER_SECRET))
    found = found._replace(parts=(*found.parts, ("secret-access-key", Secret(SECRET.encode()))))
    told = verdict(found, client=lambda: client_to(acme, authority, QUICK._replace(partner_pause=pause)))
    assert told.state == VerdictState.LIVE and told.owner.endswith("user/ci")
    used = [(heard.at, secret_used(heard, SECRET, OTHER_SECRET)) for heard in acme.heard]
    assert [secret for _, secret in used] == [OTHER_SECRET, OTHER_SECRET, SECRET, ""]
    for (before, one), (after, other) in itertools.pairwise(used):
        assert one == other or after - before >= pause


def test_two_findings_of_one_key_id_do_not_refuse_each_other(acme: Provider, authority: Authority) -> None:
    pause = 0.3
    acme.answer = lambda heard: identity() if secret_used(heard, SECRET) else error("SignatureDoesNotMatch")
    findings = [finding("aws.access-key", **pair(key_of("123456789012"), value)) for value in (OTHER_SECRET, SECRET)]
    client = client_to(acme, authority, QUICK._replace(partner_pause=pause))

    async def work() -> dict[int, str]:
        try:
            return {n: told.state async for n, told in run.stream_verdicts(findings, client, b"k" * 32)}
        finally:
            await client.close()

    assert asyncio.run(work()) == {0: VerdictState.UNKNOWN, 1: VerdictState.LIVE}
    used = [(heard.at, secret_used(heard, SECRET, OTHER_SECRET)) for heard in acme.heard]
    for (before, one), (after, other) in itertools.pairwise(used):
        assert one == other or after - before >= pause


@pytest.mark.parametrize("shift", [-20 * 60, 20 * 60])
def test_a_wrong_clock_is_corrected_by_the_providers(shift: int, acme: Provider, authority: Authority) -> None:
    theirs = datetime.now(UTC) + timedelta(seconds=shift)

    def answer(heard: Heard) -> Say:
        then = datetime.strptime(heard.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs((then - theirs).total_seconds()) > 15 * 60:
            words = "Signature not yet current" if then > theirs else "Signature expired"
            return error("SignatureDoesNotMatch", f"{words}: now", Date=format_datetime(theirs, usegmt=True))
        return identity() if secret_used(heard, SECRET) else error("SignatureDoesNotMatch")

    acme.answer = answer
    found = finding("aws.access-key", **pair(key_of("123456789012")))
    assert verdict(found, client=lambda: client_to(acme, authority, QUICK)).state == VerdictState.LIVE


def test_a_key_of_another_partition_is_found_there(acme: Provider, authority: Authority) -> None:
    def answer(heard: Heard) -> Say:
        if "us-gov" not in heard.host:
            return error("InvalidClientTokenId")
        return (
            identity("arn:aws-us-gov:iam::123456789012:user/ci")
            if secret_used(heard, SECRET)
            else error("SignatureDoesNotMatch")
        )

    acme.answer = answer
    found = finding("aws.access-key", **pair(key_of("123456789012")))
    told = verdict(found, client=lambda: client_to(acme, authority, QUICK))
    assert told.state == VerdictState.LIVE and told.owner.startswith("arn:aws-us-gov:")


@pytest.mark.parametrize("region", ["us-iso-east-1", "us-isob-east-1"])
def test_a_partition_that_cannot_be_reached_is_unknown(region: str, acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: error("InvalidClientTokenId")
    found = finding("aws.access-key", line=f"SECRET region={region}", **pair(key_of("123456789012")))
    assert verdict(found, client=lambda: client_to(acme, authority, QUICK)).state == VerdictState.UNKNOWN
    assert not acme.heard


def test_a_partition_that_does_not_answer_leaves_it_open(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda heard: Say(502, "") if heard.host.endswith(".cn") else error("InvalidClientTokenId")
    found = finding("aws.access-key", **pair(key_of("123456789012")))
    assert verdict(found, client=lambda: client_to(acme, authority, QUICK)).state == VerdictState.UNKNOWN


def test_a_denial_proves_that_somebody_is_signed_in(acme: Provider, authority: Authority) -> None:
    message = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:GetCallerIdentity"
    right = error("AccessDenied", message)
    acme.answer = lambda heard: right if secret_used(heard, SECRET) else error("SignatureDoesNotMatch")
    found = finding("aws.access-key", **pair(key_of("123456789012")))
    told = verdict(found, client=lambda: client_to(acme, authority, QUICK))
    assert told.state == VerdictState.LIVE and told.owner == "arn:aws:iam::123456789012:user/ci"


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_a_session_that_is_refused_may_be_damaged(code: str, acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: error(code)
    found = finding("aws.temporary-key", **pair(key_of("123456789012", "ASIA"), **{"session-token": "x" * 40}))
    assert verdict(found, client=lambda: client_to(acme, authority, QUICK)).state == VerdictState.UNKNOWN


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
        assert verdict(wrong, at(url)).state == VerdictState.UNKNOWN
        if emulator == "ministack":  # moto lets inactive keys in
            iam.update_access_key(UserName=there.user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
            assert verdict(found, at(url)).state == VerdictState.DEAD
    finally:
        if emulator == "moto":
            world.moto_api(url, "reset-auth", b"inf")


@pytest.mark.net
def test_an_sts_that_checks_nothing_proves_nothing(moto: str) -> None:
    world.moto_api(moto, "reset-auth", b"inf")
    told = verdict(finding("aws.access-key", **pair(key_of("123456789012"))), at(moto))
    assert told.state == VerdictState.UNKNOWN and "unprovable" in told.why
