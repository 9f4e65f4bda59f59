"""Ids of the fingerprint key and of a rule set: how coordinator, workers and state recognise the same ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def identify_key(key: bytes) -> str:
    """Return an id of *key* from which the key cannot be derived."""
    return hashlib.blake2b(key, digest_size=8, person=b"leakfirst key id").hexdigest()


def digest_rules(rules: Mapping[str, str]) -> str:
    """Return the digest of a rule set; *rules* maps each rule to its own digest."""
    return hashlib.blake2b(json.dumps(sorted(rules.items())).encode(), digest_size=16).hexdigest()
