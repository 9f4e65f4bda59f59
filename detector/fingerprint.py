"""Fingerprints: names of credentials that reveal nothing about their values.

A fingerprint is a keyed digest of the value. It stays the same when lines move,
files are renamed or commits are squashed, and without the key it cannot be used to
guess a short password. The key belongs to whoever runs the scan: `LEAKFIRST_KEY`
(text, for CI), the key in a baseline, else a random key in the user's folder.
"""

from __future__ import annotations

import hashlib
import os
import secrets

from detector.errors import UsageError
from detector.files.trusted import find_user_folder
from detector.secret import Secret

PREFIX = "lf1:"


def compute_fingerprint(secret: Secret, key: bytes) -> str:
    """Return ``lf1:`` and 32 hex digits; equal values have equal fingerprints under one key."""
    return PREFIX + secret.digest(key)


def load_project_key() -> bytes:
    """Return the key for fingerprints; it is created once per user. Raises `UsageError`.

    Without a writable folder the key is used for this run only, so fingerprints differ
    between runs; `LEAKFIRST_KEY` prevents that.
    """
    given = os.environ.get("LEAKFIRST_KEY")
    if given is not None:
        if len(given) < 16:
            raise UsageError("LEAKFIRST_KEY is too short: give at least 16 characters (openssl rand -hex 32)")
        return hashlib.sha256(b"leakfirst fingerprint\0" + given.encode("utf-8", "surrogateescape")).digest()
    folder = find_state_folder()
    if not folder:
        return secrets.token_bytes(32)
    path = os.path.join(folder, "key")
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
            os.link(beside, path)  # if two processes create a key, the first one wins
        except FileExistsError:
            with open(path, "rb") as file:
                key = file.read()
        finally:
            os.unlink(beside)
    except OSError:
        return key
    return key


def find_state_folder() -> str:
    """Return the folder for the user's key and states: ``LEAKFIRST_HOME``, else below ``XDG_STATE_HOME``.

    It is "" for a user without a home.
    """
    chosen = os.environ.get("LEAKFIRST_HOME")
    if chosen:
        return chosen
    base = find_user_folder("XDG_STATE_HOME", "~/.local/state")
    return os.path.join(base, "leakfirst") if base else ""
