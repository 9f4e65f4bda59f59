"""Google service accounts: trade a signed assertion for an access token.

That is what the key is for, so the answer is about the key alone. The token
that comes back lives an hour, may do nothing but name the account's address,
and is thrown away.
"""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

from detector.engine.checks.result import encode_base64url
from detector.model import VerdictState
from detector.net.http_client import Request
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.probes.core.declarative import read_text
from detector.secret import Secret

SERVES = ("google.service-account-key",)

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SCOPE = "https://www.googleapis.com/auth/userinfo.email"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Ask for a token."""
    email = credential.text("client-email")
    form = {"grant_type": GRANT, "assertion": _make_assertion(credential, email, int(time.time()))}
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    reply = await client.send(Request("POST", TOKEN_URL, headers, urlencode(form).encode()))
    if reply.status == 200 and read_text(reply, "access_token"):
        facts = (("project", email.partition("@")[2].partition(".")[0]),) if client.settings.reach else ()
        return ProbeResult(VerdictState.LIVE, "Google accepted its signature", email, facts)
    error, about = read_text(reply, "error"), read_text(reply, "error_description")
    if reply.status in (400, 401) and error in ("invalid_grant", "invalid_client", "disabled_client"):
        if "iat" in about or "exp" in about:
            return ProbeResult(VerdictState.UNKNOWN, "this machine's clock is wrong, so Google refused the assertion")
        return ProbeResult(VerdictState.DEAD, f"Google refused its signature ({error})")
    return ProbeResult(VerdictState.UNKNOWN, f"the answer means neither live nor dead (HTTP {reply.status})")


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Name the token endpoint."""
    del credential, settings
    return PlannedRequest(
        "oauth2.googleapis.com", f"POST {TOKEN_URL} with a signed assertion", "a token for one hour is made"
    )


def alter(credential: ProbeInput) -> ProbeInput:
    """Sign with a key that nobody has registered."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return credential._replace(secret=Secret(pem))


def _make_assertion(credential: ProbeInput, email: str, now: int) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = credential.text().replace("\\\\n", "\n").replace("\\n", "\n").replace("\\r", "")
    try:
        key = load_pem_private_key(pem.encode(), None)
    except Exception:  # the library's words may quote the key
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise NoVerdict("the private key cannot be read")
    head = {"alg": "RS256", "typ": "JWT"}
    if kid := credential.first("private-key-id"):
        head["kid"] = kid
    claims = {"iss": email, "scope": SCOPE, "aud": TOKEN_URL, "iat": now, "exp": now + 600}
    signed = b".".join(encode_base64url(json.dumps(part).encode()) for part in (head, claims))
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join((signed, encode_base64url(signature))).decode()
