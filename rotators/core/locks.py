"""One open run per credential, and the local key behind its name.

The lock's name is a keyed digest of rotator and credential id: the folder
tells nobody which credentials are being replaced. The kernel drops a lock
with its process, so a killed run leaves none behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from detector.errors import RotationError, StateError
from rotators.core.journal import write_private


def local_key(folder: str) -> bytes:
    """Return this machine's key for digests; made on first use, mode 0600."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, "key")
    if not os.path.exists(path):
        if os.path.exists(os.path.join(folder, "journal.jsonl")):
            raise StateError(
                f"{path} is missing: runs of this folder go on only with the key that they were begun with"
            )
        fresh = f"{path}.{os.getpid()}.{secrets.token_hex(4)}"
        write_private(fresh, secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(fresh, path)
        os.unlink(fresh)
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise StateError(f"{path} can be read by others; chmod 600 it")
        key = file.read()
    if len(key) != 32:
        raise StateError(f"{path} is damaged: expected 32 bytes")
    return key


def make_lock_name(key: bytes, rotator: str, handle: str) -> str:
    """Return the name under which one credential is locked."""
    return hmac.new(key, f"lock\0{rotator}\0{handle}".encode(), hashlib.sha256).hexdigest()[:32]


@contextmanager
def hold_run_lock(folder: str, name: str) -> Iterator[None]:
    """Hold the lock *name*; somebody else holding it is a `RotationError`."""
    locks = os.path.join(folder, "locks")
    os.makedirs(locks, mode=0o700, exist_ok=True)
    fd = os.open(os.path.join(locks, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RotationError(
                "another process is rotating this credential; wait for it, then look at 'status'"
            ) from None
        yield
    finally:
        os.close(fd)
