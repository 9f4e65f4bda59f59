"""Private keys: what is the other half, and does a server let it in?

Offline, the public half is compared with the certificates and public keys that
lie in the same repository: a match says whose key it is. Servers are asked
only when the operator names them with a user (`--ssh USER@HOST`); a sign-in
there is visible to them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from detector.engine import checks
from detector.model import VerdictState
from detector.probes._public_halves import find_public_halves
from detector.probes._server import Reached, Server, run_at_server
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.secret import Secret

SERVES = ("private-key.pem", "private-key.openssh", "private-key.putty")


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Compare, then ask the named SSH servers."""
    own = _read_public_halves(credential)
    if own.get("encrypted") == "yes":
        raise NoVerdict("it is locked with a passphrase")
    fits = await _find_match(own, credential.repositories, client)
    answer = fits or ProbeResult(VerdictState.UNKNOWN, "no public half of it lies in the same place")
    if not client.settings.ssh_hosts:
        return answer
    if credential.rule.id not in ("private-key.pem", "private-key.openssh"):
        return answer
    refused = []
    for target in client.settings.ssh_hosts:
        try:
            let_in = await _sign_in(credential, target, client)
        except NoVerdict as unclear:
            refused.append(str(unclear))
            continue
        if let_in:
            return ProbeResult(VerdictState.LIVE, f"{target} let it in", answer.owner or target, answer.facts)
        refused.append(f"{target} refused it")
    if fits:
        return fits._replace(why="; ".join((fits.why, *refused)))
    state = VerdictState.DEAD if all(words.endswith("refused it") for words in refused) else VerdictState.UNKNOWN
    return ProbeResult(state, "; ".join(refused))


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Name the SSH servers, if any."""
    del credential
    hosts = ", ".join(target.rpartition("@")[2] for target in settings.ssh_hosts)
    if not hosts:
        return PlannedRequest("nobody", "compare with certificates and public keys in the same repository")
    return PlannedRequest(
        hosts, f"sign in by SSH as {', '.join(settings.ssh_hosts)}", "a sign-in is visible to the server"
    )


def alter(credential: ProbeInput) -> ProbeInput:
    """Make a fresh key that no server knows."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return credential._replace(secret=Secret(pem), repositories=())


def _read_public_halves(credential: ProbeInput) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in credential.rule.checks:
        found.update(checks.run_check(name, credential.secret.reveal()).facts)
    return found


async def _find_match(own: dict[str, str], repositories: tuple[str, ...], client: ProbeClient) -> ProbeResult | None:
    wanted = {text for name, text in own.items() if name.startswith("public key")}
    if not wanted:
        return None
    found = client.shared.get(repositories)
    if found is None:
        found = client.shared[repositories] = await client.run_in_thread(
            lambda: tuple(find_public_halves(client.read_public_keys(repositories)))
        )
    for half in found:
        if half.fingerprint in wanted:
            facts = (("belongs to", half.what), *((("valid until", half.until),) if half.until else ()))
            over = half.until and half.until < datetime.now(UTC).isoformat(timespec="seconds")
            when = f", which {'was' if over else 'is'} valid until {half.until}" if half.until else ""
            return ProbeResult(
                VerdictState.VALID_FORMAT, f"it is the private half of {half.what}{when}", half.what, facts
            )
    return None


async def _sign_in(credential: ProbeInput, target: str, client: ProbeClient) -> bool:
    """Tell whether *target* (``user@host`` or ``user@host:port``) lets the key in. Raises `NoVerdict`."""
    try:
        import asyncssh
    except ImportError:
        raise NoVerdict("asyncssh is not installed: install leakfirst with the extra ssh") from None
    user, _, place = target.rpartition("@")
    host, _, port = place.partition(":")
    server = Server("ssh", host, int(port) if port.isdecimal() else 22, user, "", "")
    try:
        key: Any = asyncssh.import_private_key(_normalize_pem(credential.text()))
    except Exception:  # the library's words may quote the key
        key = None
    if key is None:
        raise NoVerdict("the private key cannot be read")
    reached = await run_at_server(server, client, _connect)
    async with client.turn(f"{host}:{server.port}"):
        try:
            connection = await asyncssh.connect(
                host,
                sock=reached,
                username=user,
                client_keys=[key],
                known_hosts=None,
                config=[],
                agent_path=None,
                x509_trusted_certs=None,
                gss_host=None,
                preferred_auth="publickey",
                login_timeout=client.settings.timeout,
            )
        except asyncssh.PermissionDenied:
            return False
        connection.abort()
        return True


def _connect(reached: Reached) -> Any:
    return reached.connect()


def _normalize_pem(text: str) -> str:
    return text.replace("\\\\n", "\n").replace("\\n", "\n").strip() + "\n"
