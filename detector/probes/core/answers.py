"""What the answers of providers prove about a credential: one table per provider.

A refusal is not a death: a wrong partner, another network, a suspended owner
and a proxy refuse as well. So an answer means what its row says, and each row
names where that is known from. An answer without a row proves nothing, and so
does one that is not in the form that the provider answers in: the page of a
proxy, of a gateway or of a captive portal. Probes and rotators read the same
tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Meaning(StrEnum):
    """What an answer proves about the credential that was asked about."""

    LIVE = "live"
    """The provider knows it and it is in force, whatever it may do."""
    DEAD = "dead"
    """The provider speaks of this credential: it does not exist, or has ended."""
    NOT_HERE = "not here"
    """This part of the provider does not know it, or not any more; another part may."""
    EXISTS = "exists"
    """The name of the credential is in force, its secret part is another one."""
    SUSPENDED = "suspended"
    """It is out of force, and somebody can bring it back."""
    REFUSED = "refused"
    """Refused for one of several reasons, of which death is one."""
    SKEW = "skew"
    """Refused for the time of the request."""
    NOTHING = "nothing"
    """About something else."""


class AnswerRow(NamedTuple):
    """One answer: HTTP status, what it says (an expression for the whole of it), what that proves, who says so."""

    statuses: tuple[int, ...]
    says: str
    means: Meaning
    why: str
    source: str


class Answer(NamedTuple):
    """What one answer proves, and why."""

    means: Meaning
    why: str


def judge(table: tuple[AnswerRow, ...], status: int, said: str | None) -> Answer:
    """Return what the first row for *status* and *said* proves; None is an answer that the provider did not make."""
    if said is None:
        return Answer(Meaning.NOTHING, f"the answer does not come from the provider (HTTP {status})")
    for row in table:
        if status in row.statuses and re.fullmatch(row.says, said, re.DOTALL):
            return Answer(row.means, row.why)
    return Answer(Meaning.NOTHING, f"the answer means neither live nor dead (HTTP {status})")


# -- AWS: sts:GetCallerIdentity ----------------------------------------------

_STS = "AWS STS API reference, common errors"
_ERROR = re.compile(r"<Error>.*?<Code>([\w.]+)</Code>(?:.*?<Message>(.*?)</Message>)?", re.DOTALL)

AWS_LONG_TERM = (
    AnswerRow((200,), r"arn:aws[\w-]*:(?:iam|sts)::\d{12}:\S+", Meaning.LIVE, "STS accepted it", _STS),
    AnswerRow(
        (400, 403),
        r"(?:SignatureDoesNotMatch|InvalidSignatureException|AccessDenied)\b.*"
        r"Signature (?:expired|not yet current).*|(?:RequestExpired|RequestTimeTooSkewed)\b.*",
        Meaning.SKEW,
        "this machine's clock differs from the provider's, so STS refused the signature",
        _STS,
    ),
    AnswerRow(
        (400, 403),
        r"(?:InvalidClientTokenId|UnrecognizedClientException)\b.*",
        Meaning.NOT_HERE,
        "STS does not accept the key id: it is inactive, deleted, or of another partition",
        _STS + "; inactive keys: ministack 1.5.33 and moto, asked",
    ),
    AnswerRow(
        (400, 403),
        r"SignatureDoesNotMatch\b.*",
        Meaning.EXISTS,
        "refused: the key id is live, and this secret is not its partner",
        "an inactive id is refused as InvalidClientTokenId, whatever the secret: ministack 1.5.33, asked",
    ),
    AnswerRow(
        (400, 403),
        r"AccessDenied(?:Exception)?\b.*",
        Meaning.LIVE,
        "STS knows who asks; a network or organisation policy refuses the answer",
        "IAM User Guide, policy evaluation: requests are authenticated before they are authorised",
    ),
    AnswerRow(
        (400, 403), r"ExpiredToken(?:Exception)?\b.*", Meaning.DEAD, "STS refused it: the session has expired", _STS
    ),
)
"""A pair of AKIA key id and secret. One that no partition knows is dead."""

AWS_SESSION = (
    AnswerRow(
        (400, 403),
        r"(?:InvalidClientTokenId|UnrecognizedClientException)\b.*",
        Meaning.REFUSED,
        "refused: the session token is damaged, not its own, or of a region that does not take it",
        "IAM User Guide, session tokens and regions; damaged tokens: ministack 1.5.33, asked",
    ),
    *AWS_LONG_TERM,
)
"""An ASIA key id with its secret and session token."""


def read_sts(status: int, text: str) -> str | None:
    """Return the ARN or "Code: message" in an answer of STS; None where STS did not make it.

    >>> read_sts(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>")
    'AccessDenied: no'
    """
    if status == 200:
        found = re.search(r"<GetCallerIdentityResponse\b.*?<Arn>\s*([^<\s]+)\s*</Arn>", text, re.DOTALL)
        return found[1] if found else None
    if "<ErrorResponse" not in text or (error := _ERROR.search(text)) is None:
        return None
    return f"{error[1]}: {error[2] or ''}"


# -- Vault and OpenBao -------------------------------------------------------

_BAO = "OpenBao 2.7.2, asked"
_ONE = r"(?:1 error occurred: \* )?"
_LOOKUP_FOUND = AnswerRow((200,), "found", Meaning.LIVE, "the server knows the token", _BAO)
_NODE = AnswerRow(
    (429, 472, 473, 474, 501, 503, 530),
    ".*",
    Meaning.NOTHING,
    "the server is sealed, on standby or busy",
    "Vault API, sys/health",
)

VAULT_LOOKUP_SELF = (
    _LOOKUP_FOUND,
    AnswerRow((403,), rf"{_ONE}bad token", Meaning.DEAD, "the server does not know the token", "Vault, token_store.go"),
    AnswerRow(
        (403,),
        r".*\binvalid token\b.*",
        Meaning.DEAD,
        "the server calls the token invalid",
        "hashicorp/vault#26687: revoked, expired or unknown; a policy that refuses does not say so",
    ),
    AnswerRow(
        (403,),
        r"1 error occurred: \* permission denied",
        Meaning.LIVE,
        "the server knows the token, whose policies do not let it look itself up",
        _BAO + ": a token without the policy default, and a wrapping token",
    ),
    AnswerRow(
        (403,),
        r"permission denied",
        Meaning.REFUSED,
        "refused: unknown to the server, or bound to other addresses, or its entity is disabled",
        _BAO + ": all of these give the same answer",
    ),
    _NODE,
)
"""The token asks ``auth/token/lookup-self``."""

VAULT_LOOKUP = (
    _LOOKUP_FOUND,
    AnswerRow((403,), rf"{_ONE}bad token", Meaning.DEAD, "the server does not know the token", _BAO),
    AnswerRow(
        (403,),
        rf"{_ONE}permission denied|.*\binvalid token\b.*",
        Meaning.NOTHING,
        "the responder's own token was refused",
        _BAO,
    ),
    _NODE,
)
"""Somebody else asks ``auth/token/lookup`` about the token."""

VAULT_LOOKUP_ACCESSOR = (
    _LOOKUP_FOUND,
    AnswerRow(
        (400, 403), rf"{_ONE}invalid accessor", Meaning.DEAD, "the server does not know the accessor", _BAO + " (400)"
    ),
    AnswerRow(
        (500,),
        rf"{_ONE}cannot lookup token in different namespace",
        Meaning.LIVE,
        "the token lives in another namespace",
        _BAO,
    ),
    _NODE,
)
"""Somebody else asks ``auth/token/lookup-accessor``, in the token's namespace."""

VAULT_LEASE = (
    AnswerRow((200,), "found", Meaning.LIVE, "the lease is there", _BAO),
    AnswerRow(
        (400,),
        rf"{_ONE}invalid lease",
        Meaning.DEAD,
        "the server calls the lease invalid",
        _BAO + "; so it does after revoke-force, which leaves the account alive",
    ),
    _NODE,
)
"""``sys/leases/lookup``."""

VAULT_LOGIN = (
    AnswerRow((200,), "found", Meaning.LIVE, "it signs in", _BAO),
    AnswerRow(
        (400, 401),
        rf"{_ONE}(?:invalid username or password|invalid role or secret ID|invalid secret id)",
        Meaning.DEAD,
        "the server refuses the sign-in",
        _BAO,
    ),
    _NODE,
)
"""A sign-in with a user name and password or a role and secret-id."""


def read_vault(status: int, body: bytes) -> str | None:
    """Return "found", or the errors of an answer on one line; None where the server did not make it.

    >>> read_vault(403, b'{"errors": ["1 error occurred:\\\\n\\\\t* permission denied\\\\n\\\\n"]}')
    '1 error occurred: * permission denied'
    """
    document = _parse_object(body)
    if document is None:
        return None
    if status == 200:
        known = document.get("data") or document.get("auth")
        return "found" if isinstance(known, Mapping) and known else None
    errors = document.get("errors")
    if not isinstance(errors, list) or not all(isinstance(error, str) for error in errors):
        return None
    return " ".join(" ".join(errors).split())


# -- Slack -------------------------------------------------------------------

_SLACK = "Slack API, errors of auth.test and auth.revoke"

SLACK = (
    AnswerRow((200,), "ok", Meaning.LIVE, "Slack accepts it", _SLACK),
    AnswerRow((200,), "token_revoked", Meaning.DEAD, "Slack says that it was revoked", _SLACK),
    AnswerRow((200,), "token_expired", Meaning.DEAD, "Slack says that it has expired", _SLACK),
    AnswerRow(
        (200,),
        "account_inactive",
        Meaning.SUSPENDED,
        "its user or workspace is deactivated, which can be taken back",
        _SLACK,
    ),
    AnswerRow(
        (200,),
        "invalid_auth",
        Meaning.REFUSED,
        "refused: unknown to Slack, or asked from an address that may not use it",
        _SLACK + ": 'or the request originates from an IP address disallowed from making the request'",
    ),
    AnswerRow((200,), "not_authed", Meaning.NOTHING, "no token arrived at Slack", _SLACK),
    AnswerRow(
        (200,),
        "missing_scope|not_allowed_token_type|no_permission|access_denied",
        Meaning.LIVE,
        "Slack knows the token, which may not do this",
        _SLACK,
    ),
)
"""``auth.test``, and the errors of ``auth.revoke``."""


def read_slack(body: bytes) -> str | None:
    """Return "ok" or the error of an answer of Slack; None where Slack did not make it."""
    document = _parse_object(body)
    if document is None or not isinstance(document.get("ok"), bool):
        return None
    return "ok" if document["ok"] else str(document.get("error", ""))


# -- other services that answer in JSON ---------------------------------------

_REFUSED = "the service refuses the credential, in its own form"
_UNAUTHORIZED = (AnswerRow((401,), ".*", Meaning.DEAD, _REFUSED, "RFC 9110, 15.5.2, and the service's API reference"),)

_HOSTED = {
    "github": (
        AnswerRow(
            (401,),
            ".*Bad credentials.*",
            Meaning.DEAD,
            "GitHub says: bad credentials",
            "GitHub REST API, authentication",
        ),
    ),
    "cloudflare": (
        AnswerRow((400, 401, 403), r'.*"success": ?false.*', Meaning.DEAD, _REFUSED, "Cloudflare API, verify token"),
    ),
    "datadog": (
        AnswerRow((401, 403), ".*(?:Forbidden|Unauthorized).*", Meaning.DEAD, _REFUSED, "Datadog API, validate"),
    ),
    "vercel": (
        *_UNAUTHORIZED,
        AnswerRow((403,), ".*(?:invalidToken|Not authorized).*", Meaning.DEAD, _REFUSED, "Vercel REST API, errors"),
    ),
}


def list_hosted(service: str) -> tuple[AnswerRow, ...]:
    """Return the table of *service*; by default a 401 that is no web page speaks of the credential."""
    return _HOSTED.get(service, _UNAUTHORIZED)


def read_hosted(body: bytes, *, is_page: bool) -> str | None:
    """Return an answer as text; None for a web page, which a gateway sends and an API does not."""
    return None if is_page else body.decode("utf-8", "replace")


def _parse_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, Mapping) else None
