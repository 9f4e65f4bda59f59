"""Who vouches for a manifest: a key of ours, or cosign where it is installed.

The signature is Ed25519 over the bytes of the manifest: as its last line, or in
a file of its own that other tools (``openssl pkeyutl -verify -rawin``) can check.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from detector.errors import UsageError
from detector.incident.manifest.file_format import Manifest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

GOOD = "good"
BAD = "bad"
MISSING = "missing"
UNCHECKED = "unchecked"
NONE = "none"

MAX_KEY = 1 << 16


class Vouched(NamedTuple):
    """What is known of a signature: one of the states above, and why."""

    state: str
    why: str = ""

    @property
    def acceptable(self) -> bool:
        """Whether nothing was asked for that is not there."""
        return self.state in (GOOD, UNCHECKED, NONE)


def private_key(path: str) -> Ed25519PrivateKey:
    """Read a private key: PEM or OpenSSH, without a passphrase, and not readable by others."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    data = _contents(path, private=True)
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, None)
    except TypeError:
        raise UsageError(
            f"{path}: the key is under a passphrase; give one without, from a place that only the job can read"
        ) from None
    except Exception:
        raise UsageError(f"{path}: is not a private key in PEM or OpenSSH form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: is not an Ed25519 key; make one with: openssl genpkey -algorithm ed25519")
    return key


def public_key(path: str) -> Ed25519PublicKey:
    """Read a public key: PEM or a line of OpenSSH."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

    data = _contents(path)
    if b"PRIVATE KEY" in data:
        raise UsageError(f"{path}: is a private key; keep it where manifests are signed, and give the public one here")
    load = load_ssh_public_key if data.lstrip().startswith(b"ssh-") else load_pem_public_key
    try:
        key = load(data)
    except Exception:
        raise UsageError(f"{path}: is not a public key in PEM or OpenSSH form") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path}: is not an Ed25519 key")
    return key


def _contents(path: str, private: bool = False) -> bytes:
    try:
        with open(path, "rb") as stream:
            found = os.fstat(stream.fileno())
            if private and os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
                raise UsageError(f"{path}: others can read this key; chmod 600 it, or replace it if they did")
            return stream.read(MAX_KEY)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def key_id(key: Ed25519PublicKey) -> str:
    """Return the name of a key: the first half of its digest."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:32]


def signature_words(data: bytes, key: Ed25519PrivateKey) -> tuple[str, ...]:
    """Return the words of an embedded signature."""
    return "ed25519", key_id(key.public_key()), base64.b64encode(key.sign(data)).decode()


def check(manifest: Manifest, keys: Sequence[Ed25519PublicKey], detached: bytes | None = None) -> Vouched:
    """Say whether one of *keys* signed *manifest*, embedded or in the *detached* signature."""
    if not keys:
        if manifest.signature or detached is not None:
            return Vouched(UNCHECKED, "the manifest is signed, but no key was given to check it with")
        return Vouched(NONE)
    if detached is not None:
        signed, raw, named = manifest.signed, detached, ""
    elif not manifest.signature:
        return Vouched(MISSING, "the manifest is not signed, and a signature was asked for")
    elif len(manifest.signature) != 3 or manifest.signature[0] != "ed25519":
        return Vouched(BAD, "the signature is of a kind that is not known")
    else:
        signed, named = manifest.signed, manifest.signature[1]
        try:
            raw = base64.b64decode(manifest.signature[2], validate=True)
        except ValueError:
            return Vouched(BAD, "the signature cannot be read")
    for key in keys:
        if _verifies(key, raw, signed):
            return Vouched(GOOD, f"signed with key {key_id(key)}")
    by = f"; it says to be by key {named}" if named else ""
    return Vouched(BAD, f"the signature is not by {'this key' if len(keys) == 1 else 'any of these keys'}{by}")


def _verifies(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


# -- cosign ------------------------------------------------------------------


def cosign_sign(path: str, bundle: str, key: str = "", options: Sequence[str] = ()) -> None:
    """Let cosign sign the file at *path* into *bundle*: with *key* (a file or a KMS), else by who runs it."""
    words = ["sign-blob", "--yes", "--bundle", bundle, *(["--key", key] if key else []), *options, path]
    code, why = _cosign(words)
    if code:
        raise UsageError(f"cosign did not sign {path}: {why}")


def cosign_check(path: str, bundle: str, key: str, identity: str, issuer: str, options: Sequence[str] = ()) -> Vouched:
    """Let cosign say whether *bundle* vouches for the file at *path*."""
    if not os.path.isfile(bundle):
        return Vouched(MISSING, f"{bundle} is not there, and a signature of cosign was asked for")
    by = ["--key", key] if key else ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]
    code, why = _cosign(["verify-blob", "--bundle", bundle, *by, *options, path])
    return Vouched(BAD, f"cosign does not vouch for it: {why}") if code else Vouched(GOOD, f"cosign: {key or identity}")


def _cosign(words: Sequence[str]) -> tuple[int, str]:
    """Run cosign; return its exit code and the line that says why."""
    import subprocess

    places = [place for place in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(place)]
    program = shutil.which("cosign", path=os.pathsep.join(places))
    if program is None:
        raise UsageError("cosign is not on PATH; install it, or sign with --key")
    try:
        done = subprocess.run([program, *words], capture_output=True, check=False)  # it may ask in a browser
    except OSError as error:
        raise UsageError(f"cosign cannot be run: {error.strerror}") from None
    lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("Error:")] or lines[-1:] or [f"exit code {done.returncode}"]
    return done.returncode, telling[0].removeprefix("Error: ")[:500]
