"""The operator's credentials: named in the policy, never written there.

A policy says `token_env = "NAME"` or `token_file = "/run/secrets/name"`; a
token in the policy itself is refused, because policies end up in git.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from detector.errors import UsageError
from detector.secret import Secret


def read_credential(settings: Mapping[str, Any], name: str = "token") -> Secret:
    """Return the credential *name* from the environment or a file."""
    if name in settings:
        raise UsageError(f"the policy holds a {name} in plain text; use {name}_env or {name}_file")
    if variable := settings.get(f"{name}_env"):
        value = os.environ.get(str(variable), "")
        if not value:
            raise UsageError(f"the environment has no {variable}, which the policy names for {name}")
        return Secret(value.encode())
    if path := settings.get(f"{name}_file"):
        try:
            with open(str(path), "rb") as file:
                return Secret(file.read().strip())
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None
    raise UsageError(f"set {name}_env or {name}_file in the policy: this service needs an identity of yours")


def has_credential(settings: Mapping[str, Any], name: str = "token") -> bool:
    """Tell whether the policy names the credential *name*."""
    return bool(settings.get(f"{name}_env") or settings.get(f"{name}_file"))


def require_setting(settings: Mapping[str, Any], name: str) -> str:
    """Return a plain setting that has no default."""
    if value := settings.get(name):
        return str(value)
    raise UsageError(f"the policy needs {name!r} here")
