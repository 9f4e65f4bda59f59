"""AWS access keys: who am I, asked of STS.

`GetCallerIdentity` needs no permission and works under every policy, so its
answer is about the key alone. It is logged in the key's account, though, and
sets off canary tokens; the account is therefore read from the key id first,
and accounts known to hold canaries are never asked. The request is signed
here: botocore would log it, and would find other credentials than these.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime

from detector.engine import checks
from detector.model import VerdictState
from detector.net.http_client import Request
from detector.probes.core import negative_control
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.probes.core.hosts import HostAddress, parse_host, require_tls

SERVES = ("aws.access-key", "aws.temporary-key")

CANARY_ACCOUNTS = frozenset(
    {
        "044858866125", "052310077262", "171436882533", "251535659677", "266735846894", "344043088457",
        "351906852752", "390477818340", "528757803018", "534261010715", "538784191382", "595918472158",
        "717712589309", "729780141977", "730335385048", "819147034852", "893192397702", "992382622183",
    }
)  # fmt: skip
"""Accounts that public documentation names as homes of canary tokens. The operator may add more."""

BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
_REFUSALS = ("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "UnrecognizedClientException")
_CLOCK = ("Signature expired", "Signature not yet current")
_REGION = re.compile(r"\b((?:cn|us-gov|us-iso[a-z]?)-[a-z]+-\d)\b")


def decode_account(key_id: bytes) -> str:
    """Return the account that a key id names, or the empty text. A hint: old ids name none."""
    return dict(checks.run_check("aws-key-id", key_id).facts).get("account", "")


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Ask STS, unless the account is a canary's."""
    _refuse_canaries(credential, client.settings)
    place, region = _choose_endpoint(credential, client.settings)
    token = credential.first("session-token")
    if not token and credential.text().startswith("ASIA"):
        raise NoVerdict("its session token was not found beside it")
    url = f"{place.scheme}://{place.netloc}/"
    headers = sign_request(
        place.netloc, region, credential.text(), credential.text("secret-access-key"), token, BODY, datetime.now(UTC)
    )
    reply = await client.send(Request("POST", url, headers, BODY))
    text = reply.text
    if reply.status == 200 and (found := re.search(r"arn:aws[\w-]*:(?:iam|sts)::(\d{12}):[\w+=,.@/:-]+", text)):
        facts = (("account", found[1]), ("identity", found[0])) if client.settings.reach else ()
        return ProbeResult(VerdictState.LIVE, "STS accepted it", found[0], facts)
    if reply.status in (400, 403):
        for code in _REFUSALS:
            if code in text and not any(words in text for words in _CLOCK):
                return ProbeResult(VerdictState.DEAD, f"STS refused it ({code})")
        if any(words in text for words in _CLOCK):
            return ProbeResult(VerdictState.UNKNOWN, "this machine's clock is wrong, so STS refused the signature")
    return ProbeResult(VerdictState.UNKNOWN, f"STS answered neither yes nor no (HTTP {reply.status})")


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Name the endpoint, or say that the account is a canary's."""
    _refuse_canaries(credential, settings)
    place, _ = _choose_endpoint(credential, settings)
    note = "the call is logged in the key's own account"
    return PlannedRequest(place.netloc, f"POST {place.scheme}://{place.netloc}/ GetCallerIdentity", note)


def alter(credential: ProbeInput) -> ProbeInput:
    """Keep the key id and change the secret."""
    changed = negative_control.alter_secret(credential.parts["secret-access-key"], credential.rule)
    return credential._replace(parts={**credential.parts, "secret-access-key": changed})


def _refuse_canaries(credential: ProbeInput, settings: ProbeSettings) -> None:
    account = decode_account(credential.secret.reveal())
    if account in CANARY_ACCOUNTS or account in settings.canary_accounts:
        raise NoVerdict(f"a canary: account {account} is known to hold canary tokens, so it is not asked")


def _choose_endpoint(credential: ProbeInput, settings: ProbeSettings) -> tuple[HostAddress, str]:
    """Return where to ask and for which region: the operator's endpoint, else that of the partition the line names."""
    for glob, text in settings.host_for:
        place = parse_host(text)
        if place and glob in ("aws.*", credential.rule.id):
            require_tls(place.scheme, place, settings)
            return place, "us-east-1"
    named = next((found[1] for line in credential.lines if (found := _REGION.search(line))), "")
    if named.startswith("cn-"):
        return HostAddress("https", f"sts.{named}.amazonaws.com.cn", None), named
    if named.startswith("us-gov-"):
        return HostAddress("https", f"sts.{named}.amazonaws.com", None), named
    return HostAddress("https", "sts.amazonaws.com", None), "us-east-1"


def sign_request(
    host: str, region: str, key_id: str, secret: str, token: str, body: bytes, now: datetime
) -> tuple[tuple[str, str], ...]:
    """Return the headers of a POST to STS with a version 4 signature."""
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "host": host,
        "x-amz-date": stamp,
        **({"x-amz-security-token": token} if token else {}),
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    asked = "\n".join(("POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()))
    scope = f"{day}/{region}/sts/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(asked.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (day, region, "sts", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    del headers["host"]
    return tuple(headers.items())
