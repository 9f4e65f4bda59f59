"""AWS access keys: who am I, asked of STS.

`GetCallerIdentity` needs no permission and works under every policy, so its
answer is about the key alone. It is logged in the key's account, though, and
sets off canary tokens; the account is therefore read from the key id first,
and accounts known to hold canaries are never asked. The request is signed
here: botocore would log it, and would find other credentials than these.

What an answer proves stands in core/answers.py. Three things take more than
one request: a key id that one partition does not know may belong to another
one; a signature that our clock spoils is made again with the provider's time;
and two secrets with one key id are never asked within some seconds of each
other, since STS then also refuses the right one.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from detector.engine import checks
from detector.model import VerdictState
from detector.net.http_client import Request
from detector.probes.core import answers, negative_control
from detector.probes.core.answers import Answer, Meaning
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.probes.core.hosts import HostAddress, parse_host, require_tls
from detector.secret import Secret

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
_PARTITIONS = (
    ("aws", "sts.amazonaws.com", "us-east-1"),
    ("aws-us-gov", "sts.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ("aws-cn", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("aws-eusc", "sts.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
)
"""The partitions that can be reached from the internet, and where each is asked: botocore, partitions.json."""
_ARN = re.compile(r"arn:aws[\w-]*:(?:iam|sts)::(\d{12}):[\w+=,.@/:-]+")
_MAX_SKEW = 60.0
"""Seconds by which our clock may differ before a signature is made with the provider's time."""
_REGION = re.compile(r"\b((?:cn|us-gov|us-iso[a-z]?|eusc-[a-z]{2}|eu|us|ap|sa|ca|me|af|il|mx)-[a-z]+-\d)\b")


def decode_account(key_id: bytes) -> str:
    """Return the account that a key id names, or the empty text. A hint: old ids name none."""
    return dict(checks.run_check("aws-key-id", key_id).facts).get("account", "")


class Endpoint(NamedTuple):
    """Where STS is asked: the host, the region of the signature, and the partition."""

    place: HostAddress
    region: str
    partition: str

    @property
    def url(self) -> str:
        """The URL of every request."""
        return f"{self.place.scheme}://{self.place.netloc}/"


class _KeyId:
    """The requests of one run with one key id: one at a time, with a pause where the secret changes."""

    def __init__(self, client: ProbeClient) -> None:
        self.lock = asyncio.Lock()
        self._client = client
        self._pause = client.settings.partner_pause
        self._last: Secret | None = None
        self._at = 0.0
        self.is_live = False

    async def ask(self, credential: ProbeInput, endpoint: Endpoint) -> tuple[Answer, str]:
        """Ask once; return what the answer proves, and its text."""
        secret = credential.parts.get("secret-access-key")
        if self._last is not None and self._last != secret:
            await self.wait()
        self._last = secret
        said, date = await self._send(credential, endpoint, self._get_offset(endpoint))
        answer = self._judge(credential, said)
        if answer.means == Meaning.SKEW and abs(offset := _measure_offset(date)) > _MAX_SKEW:
            self._client.shared["aws clock", endpoint.url] = offset
            said, _ = await self._send(credential, endpoint, offset)
            answer = self._judge(credential, said)
        self.is_live = self.is_live or answer.means == Meaning.LIVE
        return answer, said[1] or ""

    async def wait(self) -> None:
        """Wait until STS has forgotten the last signature with this key id."""
        await asyncio.sleep(max(0.0, self._at + self._pause - time.monotonic()))

    async def _send(
        self, credential: ProbeInput, endpoint: Endpoint, offset: float
    ) -> tuple[tuple[int, str | None], str]:
        now = datetime.now(UTC) + timedelta(seconds=offset)
        key_id, secret = credential.text(), credential.text("secret-access-key")
        token = credential.first("session-token")
        headers = sign_request(endpoint.place.netloc, endpoint.region, key_id, secret, token, BODY, now)
        try:
            reply = await self._client.send(Request("POST", endpoint.url, headers, BODY))
        finally:
            self._at = time.monotonic()
        return (reply.status, answers.read_sts(reply.status, reply.text)), reply.headers.get("date", "")

    def _get_offset(self, endpoint: Endpoint) -> float:
        return float(self._client.shared.get(("aws clock", endpoint.url), 0.0))

    @staticmethod
    def _judge(credential: ProbeInput, said: tuple[int, str | None]) -> Answer:
        table = answers.AWS_SESSION if credential.first("session-token") else answers.AWS_LONG_TERM
        return answers.judge(table, *said)


def _measure_offset(date: str) -> float:
    """Return by how many seconds the provider's time is ahead of ours; 0 where it does not say."""
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError):
        return 0.0


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Ask STS, in each partition that the key may belong to, unless the account is a canary's."""
    _refuse_canaries(credential, client.settings)
    if not credential.first("session-token") and credential.text().startswith("ASIA"):
        raise NoVerdict("its session token was not found beside it")
    turns: _KeyId = client.shared.setdefault(("aws key id", credential.text()), _KeyId(client))
    async with turns.lock:
        refused: list[Answer] = []
        for endpoint in _list_endpoints(credential, client.settings):
            try:
                answer, said = await turns.ask(credential, endpoint)
                if answer.means == Meaning.EXISTS and not turns.is_live:
                    await turns.wait()  # somebody else may have asked with another secret just now
                    answer, said = await turns.ask(credential, endpoint)
            except NoVerdict as unclear:
                if not refused:
                    raise
                why = f"{refused[-1].why}; partition {endpoint.partition} could not be asked: {unclear}"
                return ProbeResult(VerdictState.UNKNOWN, why)
            if answer.means not in (Meaning.NOT_HERE, Meaning.REFUSED):
                return _make_result(answer, said, client.settings)
            refused.append(answer)
    if all(answer.means == Meaning.NOT_HERE for answer in refused):
        return ProbeResult(VerdictState.DEAD, refused[0].why, refused=True, settled=True)
    return ProbeResult(VerdictState.UNKNOWN, refused[0].why, refused=True)


def _make_result(answer: Answer, said: str, settings: ProbeSettings) -> ProbeResult:
    if answer.means == Meaning.LIVE:
        found = _ARN.search(said)
        facts = (("account", found[1]), ("identity", found[0])) if found and settings.reach else ()
        return ProbeResult(VerdictState.LIVE, answer.why, found[0] if found else "", facts)
    if answer.means == Meaning.DEAD:
        return ProbeResult(VerdictState.DEAD, answer.why, refused=True, settled=True)
    return ProbeResult(VerdictState.UNKNOWN, answer.why, refused=answer.means == Meaning.EXISTS)


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Name the endpoint, or say that the account is a canary's."""
    _refuse_canaries(credential, settings)
    first, *others = _list_endpoints(credential, settings)
    note = "the call is logged in the key's own account"
    more = f" (and, if it is refused, in {', '.join(other.partition for other in others)})" if others else ""
    return PlannedRequest(first.place.netloc, f"POST {first.url} GetCallerIdentity{more}", note)


def alter(credential: ProbeInput) -> ProbeInput:
    """Keep the key id and change the secret."""
    changed = negative_control.alter_secret(credential.parts["secret-access-key"], credential.rule)
    return credential._replace(parts={**credential.parts, "secret-access-key": changed})


def _refuse_canaries(credential: ProbeInput, settings: ProbeSettings) -> None:
    account = decode_account(credential.secret.reveal())
    if account in CANARY_ACCOUNTS or account in settings.canary_accounts:
        raise NoVerdict(f"a canary: account {account} is known to hold canary tokens, so it is not asked")


def _list_endpoints(credential: ProbeInput, settings: ProbeSettings) -> list[Endpoint]:
    """Return the operator's endpoint, else that of the partition the line names, else one of each partition.

    Raises `NoVerdict` for a partition that cannot be reached from here.
    """
    for glob, text in settings.host_for:
        place = parse_host(text)
        if place and glob in ("aws.*", credential.rule.id):
            require_tls(place.scheme, place, settings)
            return [Endpoint(place, "us-east-1", "of the operator")]
    region = next((found[1] for line in credential.lines if (found := _REGION.search(line))), "")
    if region.startswith("us-iso"):
        raise NoVerdict(f"it belongs to {region}, which cannot be reached from the internet")
    everywhere = [Endpoint(HostAddress("https", host, None), here, name) for name, host, here in _PARTITIONS]
    if not region:
        return everywhere
    for name, head, suffix in (("aws-cn", "cn-", ".cn"), ("aws-us-gov", "us-gov-", "")):
        if region.startswith(head):
            return [Endpoint(HostAddress("https", f"sts.{region}.amazonaws.com{suffix}", None), region, name)]
    if region.startswith("eusc-"):
        return [Endpoint(HostAddress("https", f"sts.{region}.amazonaws.eu", None), region, "aws-eusc")]
    return everywhere[:1]


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
