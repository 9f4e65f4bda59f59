"""Where a new value waits when its destination cannot hold two.

A crash between "made" and "written" must not lose a database password that
is already set. So the value is sealed (AES-256-GCM, bound to its run) into a
file of mode 0600 and removed once it is current. The sealing key is a file of
the operator's, a Vault transit key or a KMS key; with the latter two the
disk alone gives nothing away.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core.contracts import Handles, Store, Values
from rotators.core.journal import write_private
from rotators.core.model import StepKind, UnexpectedState


class Sealer(Protocol):
    """Wraps the 32-byte key of one sealed file."""

    def wrap(self, key: bytes) -> str:
        """Return *key* in a form that is safe to write down."""
        ...

    def unwrap(self, wrapped: str) -> bytes:
        """Return the key of a wrapped form."""
        ...


class LocalSealer:
    """Wraps with a key of this machine."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.new(key, b"escrow", hashlib.sha256).digest()

    def wrap(self, key: bytes) -> str:
        """See `Sealer`."""
        return base64.b64encode(_encrypt(self._key, key, b"wrap")).decode()

    def unwrap(self, wrapped: str) -> bytes:
        """See `Sealer`."""
        return _decrypt(self._key, base64.b64decode(wrapped), b"wrap")


class TransitSealer:
    """Wraps with a key that never leaves Vault's transit engine."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._name, self._settings = name, settings

    def wrap(self, key: bytes) -> str:
        """See `Sealer`."""
        from rotators.core import vault

        transit = vault.make_client(self._settings).secrets.transit
        answer = transit.encrypt_data(self._name, plaintext=base64.b64encode(key).decode())
        return str(answer["data"]["ciphertext"])

    def unwrap(self, wrapped: str) -> bytes:
        """See `Sealer`."""
        from rotators.core import vault

        answer = vault.make_client(self._settings).secrets.transit.decrypt_data(self._name, ciphertext=wrapped)
        return base64.b64decode(answer["data"]["plaintext"])


class KmsSealer:
    """Wraps with a key that never leaves AWS KMS."""

    def __init__(self, key_id: str, settings: Mapping[str, Any]) -> None:
        self._key_id, self._settings = key_id, settings

    def wrap(self, key: bytes) -> str:
        """See `Sealer`."""
        from rotators.core import aws

        answer = aws.make_client("kms", self._settings).encrypt(KeyId=self._key_id, Plaintext=key)
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def unwrap(self, wrapped: str) -> bytes:
        """See `Sealer`."""
        from rotators.core import aws

        blob = base64.b64decode(wrapped)
        return bytes(
            aws.make_client("kms", self._settings).decrypt(KeyId=self._key_id, CiphertextBlob=blob)["Plaintext"]
        )


def make_sealer(settings: Mapping[str, Any], key: bytes) -> Sealer:
    """Return the sealer of the policy's ``[escrow]`` table; without one, this machine's key."""
    kind = settings.get("key", "local")
    if kind == "local":
        return LocalSealer(key)
    name = str(settings.get("name", ""))
    if kind == "transit" and name:
        return TransitSealer(name, settings)
    if kind == "kms" and name:
        return KmsSealer(name, settings)
    raise UsageError("[escrow] key is one of local, transit, kms; the latter two need a name")


class Escrow:
    """Sealed values in *folder*, one file per run and destination."""

    def __init__(self, folder: str, seal: Sealer) -> None:
        self._folder = os.path.join(folder, "escrow")
        self._seal = seal

    def keep(self, name: str, values: Values) -> None:
        """Seal *values* under *name*; on disk when this returns."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        key = secrets.token_bytes(32)
        plain = json.dumps({field: base64.b64encode(v.reveal()).decode() for field, v in values.items()})
        body = base64.b64encode(_encrypt(key, plain.encode(), name.encode())).decode()
        write_private(self._path(name), json.dumps({"key": self._seal.wrap(key), "body": body}).encode())

    def open(self, name: str) -> Values | None:
        """Return the values sealed under *name*, or None."""
        try:
            with open(self._path(name), "rb") as file:
                sealed = json.loads(file.read())
        except FileNotFoundError:
            return None
        plain = _decrypt(self._seal.unwrap(sealed["key"]), base64.b64decode(sealed["body"]), name.encode())
        return {field: Secret(base64.b64decode(text)) for field, text in json.loads(plain).items()}

    def drop(self, name: str) -> None:
        """Remove what is sealed under *name*."""
        with suppress(FileNotFoundError):
            os.unlink(self._path(name))

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, hashlib.sha256(name.encode()).hexdigest()[:32])


class EscrowedStore(Store):
    """A store without staging, and the escrow that stands in for it."""

    staged = True

    def __init__(self, name: str, store: Store, escrow: Escrow) -> None:
        super().__init__(store.case)
        self._name, self._store, self._escrow = name, store, escrow

    def resolve(self) -> Handles:
        """See `Store`."""
        return self._store.resolve()

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `Store`."""
        return self._store.calls(kind) or (("escrow: seal locally",) if kind == "store" else ())

    def preflight(self) -> None:
        """Try the escrow as well: a value that cannot be kept must not be made."""
        self._store.preflight()
        probe = f"{self._name}/preflight/{secrets.token_hex(4)}"
        self._escrow.keep(probe, {})
        self._escrow.open(probe)
        self._escrow.drop(probe)

    def put_pending(self, token: str, values: Values) -> Handles:
        """See `Store`."""
        self._escrow.keep(self._key(token), values)
        return {}

    def pending(self, token: str) -> Values | None:
        """See `Store`."""
        return self._escrow.open(self._key(token))

    def promote(self, token: str, values: Values) -> Handles:
        """See `Store`."""
        return self._store.promote(token, values)

    def read_back(self) -> Values | None:
        """See `Store`."""
        return self._store.read_back()

    def mark(self) -> str:
        """See `Store`."""
        return self._store.mark()

    def restore(self, token: str, old: Values) -> Handles:
        """See `Store`."""
        return self._store.restore(token, old)

    def settle(self, token: str) -> Handles:
        """See `Store`."""
        self._escrow.drop(self._key(token))
        return self._store.settle(token)

    def _key(self, token: str) -> str:
        return f"{self._name}/{token}"


def _encrypt(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def _decrypt(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], bound_to)
    except InvalidTag:
        raise UnexpectedState("a sealed value does not open with this key; is it the machine that sealed it?") from None
