"""Names for credentials that say nothing about them.

A fingerprint is a keyed digest of the value, so it is the same when lines
move, files are renamed or commits are squashed, and useless for guessing a
short password. The key belongs to whoever runs the scan: `LEAKFIRST_KEY` (text,
for CI), a baseline's own key, else a random one kept in the user's folder.
"""

from __future__ import annotations

import hashlib
import os
import secrets

from detector.errors import UsageError
from detector.secret import Secret

PREFIX = "lf1:"


def fingerprint(secret: Secret, key: bytes) -> str:
    """Return ``lf1:`` and 32 hex digits, equal for equal values under one key."""
    return PREFIX + secret.digest(key)


def project_key() -> bytes:
    """Return the key for fingerprints; made once per user if there is none.

    Without a writable folder the key lives for this run alone: fingerprints
    then differ between runs, which `LEAKFIRST_KEY` prevents.
    """
    given = os.environ.get("LEAKFIRST_KEY")
    if given is not None:
        if len(given) < 16:
            raise UsageError("LEAKFIRST_KEY is too short: give at least 16 characters (openssl rand -hex 32)")
        return hashlib.sha256(b"leakfirst fingerprint\0" + given.encode("utf-8", "surrogateescape")).digest()
    path = os.path.join(state_folder(), "key")
    try:
        with open(path, "rb") as file:
            key = file.read()
        if len(key) == 32:
            return key
    except OSError:
        pass
    key = secrets.token_bytes(32)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        beside = f"{path}.{os.getpid()}.tmp"
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
        try:
            os.link(beside, path)  # the first of two processes wins, the other reads
        except FileExistsError:
            with open(path, "rb") as file:
                key = file.read()
        finally:
            os.unlink(beside)
    except OSError:
        return key
    return key


def state_folder() -> str:
    """Return the user's folder for what leakfirst remembers (``LEAKFIRST_HOME``)."""
    chosen = os.environ.get("LEAKFIRST_HOME")
    if chosen:
        return chosen
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "leakfirst")
