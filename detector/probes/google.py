"""Google service accounts: trade a signed assertion for an access token.

That is what the key is for, so the answer is about the key alone. The token
that comes back lives an hour, may do nothing but name the account's address,
and is thrown away.
"""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

from detector.engine.checks.proof import base64url
from detector.model import VerdictState
from detector.net.http_client import Request, Wire
from detector.probes._contract import Answer, Asked, Question, Settings, Unclear
from detector.secret import Secret
from detector.verify.declarative_probe import said

SERVES = ("google.service-account-key",)

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SCOPE = "https://www.googleapis.com/auth/userinfo.email"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def check(question: Question, wire: Wire) -> Answer:
    """Ask for a token."""
    email = question.text("client-email")
    form = {"grant_type": GRANT, "assertion": _assertion(question, email, int(time.time()))}
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    reply = await wire.ask(Request("POST", TOKEN_URL, headers, urlencode(form).encode()))
    if reply.status == 200 and said(reply, "access_token"):
        facts = (("project", email.partition("@")[2].partition(".")[0]),) if wire.settings.reach else ()
        return Answer(VerdictState.LIVE, "Google accepted its signature", email, facts)
    error, about = said(reply, "error"), said(reply, "error_description")
    if reply.status in (400, 401) and error in ("invalid_grant", "invalid_client", "disabled_client"):
        if "iat" in about or "exp" in about:
            return Answer(VerdictState.UNKNOWN, "the clock of this machine is wrong, so Google refused the assertion")
        return Answer(VerdictState.DEAD, f"Google refused its signature ({error})")
    return Answer(VerdictState.UNKNOWN, f"the answer means neither live nor dead (HTTP {reply.status})")


def plan(question: Question, settings: Settings) -> Asked:
    """Name the token endpoint."""
    del question, settings
    return Asked("oauth2.googleapis.com", f"POST {TOKEN_URL} with a signed assertion", "a token for one hour is made")


def alter(question: Question) -> Question:
    """Sign with a key that nobody has registered."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return question._replace(secret=Secret(pem))


def _assertion(question: Question, email: str, now: int) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = question.text().replace("\\\\n", "\n").replace("\\n", "\n").replace("\\r", "")
    try:
        key = load_pem_private_key(pem.encode(), None)
    except Exception:  # the library's words may quote the key
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unclear("the private key cannot be read")
    head = {"alg": "RS256", "typ": "JWT"}
    if kid := question.first("private-key-id"):
        head["kid"] = kid
    claims = {"iss": email, "scope": SCOPE, "aud": TOKEN_URL, "iat": now, "exp": now + 600}
    signed = b".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join((signed, base64url(signature))).decode()
