"""AWS clients for rotators and stores: with the operator's credentials, or with a key that is tried.

The operator's identity is one of its own, taken from the settings (`profile`,
`assume_role`) or boto3's usual chain. It is never the leaked key: AWS quarantines a
leaked user from changing keys, so self-rotation fails when it matters, and
acting as the leaked identity hides us among the attacker's calls.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core import operator_credentials
from rotators.core.model import (
    Leak,
    NotPropagated,
    OutcomeUnknown,
    RateLimited,
    Refused,
    UnexpectedState,
    WrongIdentity,
)

ACCESS_KEY = re.compile(rb"(?:AKIA|ASIA)[A-Z0-9]{16}")

THROTTLES = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}
)
UNKNOWN_KEY = frozenset({"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"})
SIGNED_IN = re.compile(r"(arn:aws[\w-]*:(?:iam|sts)::(\d{12}):[\w+=,.@/-]+)")
_ACCOUNT = re.compile(r"(?:arn:[\w-]+:\w+:[\w-]*:)?(\d{12})(?::.*)?")
WRONG_SECRET = frozenset({"SignatureDoesNotMatch", "IncompleteSignature"})


class Where(NamedTuple):
    """What makes two clients the same."""

    service: str
    profile: str
    endpoint: str
    region: str
    timeout: float
    once: bool
    mark: str
    assume_role: str = ""
    external_id: str = ""
    session_name: str = ""


def make_client(
    service: str,
    settings: Mapping[str, Any],
    *,
    once: bool = False,
    mark: str = "",
    region: str = "",
    keys: tuple[str, Secret, Secret | None] | None = None,
) -> Any:
    """Return a boto3 client for *service*.

    *once* forbids retries: a repeated create makes a second credential. CloudTrail
    notes *mark* with each call, as part of the user agent. *keys* are id, secret and
    session token of a credential to try.
    """
    where = Where(
        service,
        str(settings.get("profile") or ""),
        str(settings.get("endpoint") or ""),
        str(region or settings.get("region") or "us-east-1"),
        float(settings.get("timeout", 30)),
        once,
        mark,
    )
    if keys:
        return _build_client(where, keys)
    if role := settings.get("assume_role"):
        given = operator_credentials.has_credential(settings, "external_id")
        external = operator_credentials.read_credential(settings, "external_id").reveal().decode() if given else ""
        name = str(settings.get("session_name", "leakfirst"))
        where = where._replace(assume_role=str(role), external_id=external, session_name=name)
    return _operator_client(where, os.environ.get("AWS_ACCESS_KEY_ID", "from elsewhere"))


@lru_cache(maxsize=64)
def _operator_client(where: Where, whose: str) -> Any:
    """Keep the operator's client, which takes longer to make than a call; *whose* distinguishes identities."""
    assert whose
    return _build_client(where, None)


def _build_client(where: Where, keys: tuple[str, Secret, Secret | None] | None) -> Any:
    try:
        import boto3
        import botocore.session
        from botocore.config import Config
    except ImportError:
        raise UsageError("rotating AWS credentials needs boto3: install leakfirst with the extra aws") from None

    attempts: Any = {"total_max_attempts": 1} if where.once else {"mode": "standard", "total_max_attempts": 4}
    core: Any = botocore.session.Session(profile=where.profile or None)
    core.register_component("data_loader", _load_models())
    if keys:
        token = keys[2].reveal().decode() if keys[2] else None
        core.set_credentials(keys[0], keys[1].reveal().decode(), token)
    elif where.assume_role:
        core._credentials = _assume_role(core, where)
    make: Any = boto3.Session(botocore_session=core)
    return make.client(
        where.service,
        endpoint_url=where.endpoint or None,
        region_name=where.region,
        config=Config(
            retries=attempts,
            connect_timeout=10,
            read_timeout=where.timeout,
            user_agent_extra=where.mark or None,
        ),
    )


def _assume_role(core: Any, where: Where) -> Any:
    """Return credentials of the role that *where* names; they are asked for when needed, and again before they end."""
    from functools import partial

    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    source = core.get_credentials()
    if source is None:
        raise UsageError(f"no AWS credentials to assume {where.assume_role} with; name a profile in [[identities]]")
    extra = {"RoleSessionName": where.session_name}
    extra |= {"ExternalId": where.external_id} if where.external_id else {}
    create = partial(core.create_client, region_name=where.region, endpoint_url=where.endpoint or None)
    fetcher = AssumeRoleCredentialFetcher(create, source, where.assume_role, extra_args=extra)
    return DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)


@cache
def _load_models() -> Any:
    """Read the service descriptions once: they are most of the price of a client."""
    from botocore.loaders import create_loader

    return create_loader()


@contextmanager
def translate_errors(*, gone: tuple[str, ...] = ()) -> Iterator[None]:
    """Translate botocore's errors; error codes in *gone* are success."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = get_error_code(error)
        if code in gone:
            return
        if code in THROTTLES:
            raise RateLimited(f"AWS throttles: {code}") from None
        if _get_status(error) >= 500:
            raise OutcomeUnknown(f"AWS failed ({code}); it may have acted") from None
        raise
    except BotoCoreError as error:
        raise OutcomeUnknown(f"no answer from AWS ({type(error).__name__}); it may have acted") from None
    except unreadable_answers() as error:
        # Its text quotes the answer, which may hold a new secret.
        raise OutcomeUnknown(f"AWS's answer cannot be read ({type(error).__name__}); it may have acted") from None


@contextmanager
def tell_refusals() -> Iterator[None]:
    """Raise `Refused` for errors that come before AWS acts: a refusal, or a request that was never sent."""
    from botocore import exceptions as boto

    why = ""
    try:
        yield
    except boto.ClientError as error:
        if get_error_code(error) in THROTTLES or _get_status(error) >= 500:
            raise
        why = f"AWS refused: {get_error_code(error)}"
    except (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError, boto.SSLError) as error:
        why = f"no connection to AWS ({type(error).__name__})"
    except (boto.NoCredentialsError, boto.ParamValidationError) as error:
        why = f"nothing was sent to AWS ({type(error).__name__})"
    if why:
        raise Refused(why)


def unreadable_answers() -> tuple[type[Exception], ...]:
    """Return the errors of botocore for an answer that is damaged; they are no `BotoCoreError`."""
    from botocore.parsers import ResponseParserError

    return (ResponseParserError,)


def _get_status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def read_server_time(answer: Mapping[str, Any]) -> float | None:
    """Return the time of the server that gave *answer*, in seconds since the epoch, if it says so."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return None


def get_error_code(error: Any) -> str:
    """Return the code of a ClientError."""
    return str(error.response.get("Error", {}).get("Code", ""))


def find_key_id(leak: Leak) -> str:
    """Return the access key id among the values of *leak*."""
    for value in leak.values():
        if match := ACCESS_KEY.fullmatch(value.reveal()):
            return match[0].decode()
    raise UnexpectedState("the finding has no access key id: look at the blob for its other half")


def find_key_secret(leak: Leak) -> Secret | None:
    """Return the secret access key among the values of *leak*, if it was found."""
    named = next((part for name, part in leak.parts.items() if "secret" in name), None)
    if named is not None:
        return named
    return next((v for v in leak.values() if re.fullmatch(rb"[A-Za-z0-9/+=]{40}", v.reveal())), None)


def find_session_token(leak: Leak) -> Secret | None:
    """Return the session token among the parts of *leak*, if it was found."""
    return next((part for name, part in leak.parts.items() if "token" in name), None)


def decode_account(access_key_id: str) -> str:
    """Return the account that is spelled into a key id; old ids spell nonsense, so confirm.

    >>> decode_account("ASIAQNZGKIQY56JQ7WML")
    '029608264753'
    """
    try:
        number = int.from_bytes(base64.b32decode(access_key_id[4:])[:6], "big")
    except (binascii.Error, ValueError):
        return ""
    return f"{(number & 0x7FFFFFFFFF80) >> 7:012d}"


def require_other_key(service_client: Any, leaked_id: str) -> None:
    """Refuse to act with the key that leaked."""
    credentials = service_client._request_signer._credentials
    if credentials is not None and credentials.access_key == leaked_id:
        raise UnexpectedState("the operator's credentials are the leaked key itself; set a profile of its own")


def get_caller_identity(
    settings: Mapping[str, Any], key: str, secret: Secret, token: Secret | None = None
) -> dict[str, str]:
    """Try a key once: return account and ARN, or raise.

    `NotPropagated` means that AWS does not know the key, `PermissionError` that it refuses the
    pair: the secret is another one, or the session is over. A denial names who is signed in.
    """
    from botocore.exceptions import ClientError

    sts = make_client("sts", settings, keys=(key, secret, token))
    with translate_errors():
        try:
            answer = sts.get_caller_identity()
        except ClientError as error:
            code = get_error_code(error)
            if code in UNKNOWN_KEY:
                raise NotPropagated(f"AWS does not know the key ({code})") from None
            if code in WRONG_SECRET or code == "ExpiredToken":
                raise PermissionError(code) from None
            if code.startswith("AccessDenied") and (found := SIGNED_IN.search(str(error))):
                return {"account": found[2], "arn": found[1]}
            raise
    return {"account": str(answer["Account"]), "arn": str(answer["Arn"])}


def describe_access(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the account that the operator's credentials act in, and as whom: what binds a plan.

    Raises `WrongIdentity` if that is not the account of the settings. Of a role the session is left
    out: it is another one for each run.
    """
    with translate_errors():
        found = make_client("sts", settings).get_caller_identity()
    account, arn = str(found["Account"]), str(found["Arn"])
    if (wanted := settings.get("account")) and account != str(wanted):
        raise WrongIdentity(f"the operator's credentials for account {wanted} act in account {account}")
    if ":assumed-role/" in arn:
        arn = arn.rpartition("/")[0]
    return {"account": account, "identity": arn}


def find_operator_key(settings: Mapping[str, Any]) -> str:
    """Return the id of the key that the operator's identity starts from, before any role is assumed."""
    plain = {name: value for name, value in settings.items() if name != "assume_role"}
    credentials = make_client("sts", plain)._request_signer._credentials
    return str(credentials.access_key) if credentials is not None else ""


def guess_account(leak: Leak, settings: Mapping[str, Any]) -> str:
    """Return the account that settings or the key id name; an old key id names none, so whose it is decides later."""
    for value in (settings.get("account"), *(settings.get(name) for name in ("secret", "parameter"))):
        if found := _ACCOUNT.fullmatch(str(value or "")):
            return f"aws:{found[1]}"
    try:
        known = decode_account(find_key_id(leak))
    except UnexpectedState:
        return ""
    return f"aws:{known}" if known else ""


def make_deny_policy(condition: Mapping[str, Any]) -> str:
    """Return a policy that denies everything under *condition*."""
    statement: dict[str, Any] = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"]}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
