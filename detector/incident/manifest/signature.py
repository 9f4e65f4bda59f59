"""Sign and verify manifests, with an Ed25519 key or with cosign.

The Ed25519 signature covers the bytes of the manifest. It is the last line of the
manifest, or a separate file that other tools (``openssl pkeyutl -verify -rawin``) verify.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from detector.errors import UsageError
from detector.incident.manifest.file_format import Manifest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class SignatureState(StrEnum):
    """The result of checking a signature.

    `UNCHECKED`: there is one, but no key to check it with. `MISSING`: one was required, but
    there is none. `NONE`: there is none, and none was required.
    """

    GOOD = "good"
    BAD = "bad"
    MISSING = "missing"
    UNCHECKED = "unchecked"
    NONE = "none"


MAX_KEY = 1 << 16


class SignatureResult(NamedTuple):
    """The state of a signature, and why."""

    state: SignatureState
    why: str = ""

    @property
    def is_acceptable(self) -> bool:
        """Whether every signature that was required is valid."""
        return self.state in (SignatureState.GOOD, SignatureState.UNCHECKED, SignatureState.NONE)


def load_private_key(path: str) -> Ed25519PrivateKey:
    """Load a private key in PEM or OpenSSH format. Raises `UsageError` if others can read it or it has a passphrase."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    data = _read_key(path, private=True)
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, None)
    except TypeError:
        raise UsageError(
            f"{path}: the key has a passphrase; use a key without one that only the job can read"
        ) from None
    except Exception:
        raise UsageError(f"{path}: is not a private key in PEM or OpenSSH form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: is not an Ed25519 key; make one with: openssl genpkey -algorithm ed25519")
    return key


def load_public_key(path: str) -> Ed25519PublicKey:
    """Load a public key in PEM or OpenSSH format. Raises `UsageError`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

    data = _read_key(path)
    if b"PRIVATE KEY" in data:
        raise UsageError(f"{path}: is a private key; keep it where manifests are signed, and use the public key here")
    load = load_ssh_public_key if data.lstrip().startswith(b"ssh-") else load_pem_public_key
    try:
        key = load(data)
    except Exception:
        raise UsageError(f"{path}: is not a public key in PEM or OpenSSH form") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path}: is not an Ed25519 key")
    return key


def _read_key(path: str, private: bool = False) -> bytes:
    try:
        with open(path, "rb") as stream:
            found = os.fstat(stream.fileno())
            if private and os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
                raise UsageError(f"{path}: others can read this key; run chmod 600, or replace the key if somebody did")
            return stream.read(MAX_KEY)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def compute_key_id(key: Ed25519PublicKey) -> str:
    """Return the id of a key: the first half of the SHA-256 of its raw bytes, in hexadecimal."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:32]


def make_signature(data: bytes, key: Ed25519PrivateKey) -> tuple[str, ...]:
    """Return the words of an embedded signature of *data*."""
    return "ed25519", compute_key_id(key.public_key()), base64.b64encode(key.sign(data)).decode()


def check_signature(
    manifest: Manifest, keys: Sequence[Ed25519PublicKey], detached: bytes | None = None
) -> SignatureResult:
    """Check whether one of *keys* signed *manifest*, embedded or in the *detached* signature."""
    if not keys:
        if manifest.signature or detached is not None:
            return SignatureResult(
                SignatureState.UNCHECKED, "the manifest is signed, but no key was given to check it with"
            )
        return SignatureResult(SignatureState.NONE)
    if detached is not None:
        signed, raw, named = manifest.signed, detached, ""
    elif not manifest.signature:
        return SignatureResult(SignatureState.MISSING, "the manifest is not signed, and a signature is required")
    elif len(manifest.signature) != 3 or manifest.signature[0] != "ed25519":
        return SignatureResult(SignatureState.BAD, "the type of the signature is unknown")
    else:
        signed, named = manifest.signed, manifest.signature[1]
        try:
            raw = base64.b64decode(manifest.signature[2], validate=True)
        except ValueError:
            return SignatureResult(SignatureState.BAD, "the signature cannot be read")
    for key in keys:
        if _is_valid(key, raw, signed):
            return SignatureResult(SignatureState.GOOD, f"signed with key {compute_key_id(key)}")
    by = f"; it claims to be by key {named}" if named else ""
    return SignatureResult(
        SignatureState.BAD, f"the signature is not by {'this key' if len(keys) == 1 else 'any of these keys'}{by}"
    )


def _is_valid(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


# -- cosign ------------------------------------------------------------------


def sign_with_cosign(path: str, bundle: str, key: str = "", options: Sequence[str] = ()) -> None:
    """Sign the file at *path* with cosign: with *key* (a file or a KMS), or with the caller's identity."""
    words = ["sign-blob", "--yes", "--bundle", bundle, *(["--key", key] if key else []), *options, path]
    code, why = _run_cosign(words)
    if code:
        raise UsageError(f"cosign did not sign {path}: {why}")


def check_with_cosign(
    path: str, bundle: str, key: str, identity: str, issuer: str, options: Sequence[str] = ()
) -> SignatureResult:
    """Check with cosign whether *bundle* contains a valid signature of the file at *path*."""
    if not os.path.isfile(bundle):
        return SignatureResult(
            SignatureState.MISSING, f"{bundle} does not exist, and a signature by cosign is required"
        )
    by = ["--key", key] if key else ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]
    code, why = _run_cosign(["verify-blob", "--bundle", bundle, *by, *options, path])
    return (
        SignatureResult(SignatureState.BAD, f"cosign rejects the signature: {why}")
        if code
        else SignatureResult(SignatureState.GOOD, f"cosign: {key or identity}")
    )


def _run_cosign(words: Sequence[str]) -> tuple[int, str]:
    """Run cosign; return its exit code and the line of its output that names the error."""
    import subprocess

    places = [place for place in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(place)]
    program = shutil.which("cosign", path=os.pathsep.join(places))
    if program is None:
        raise UsageError("cosign is not on PATH; install it, or sign with --key")
    try:
        done = subprocess.run([program, *words], capture_output=True, check=False)  # no timeout: it may open a browser
    except OSError as error:
        raise UsageError(f"cosign cannot be run: {error.strerror}") from None
    lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    error_lines = (
        [line for line in lines if line.startswith("Error:")] or lines[-1:] or [f"exit code {done.returncode}"]
    )
    return done.returncode, error_lines[0].removeprefix("Error: ")[:500]
