"""What may be asked, from the operator's file and the command line; never from what is scanned."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from detector.config import Config
from detector.errors import UsageError
from detector.probes.core.contract import ProbeSettings

_LISTS = ("hosts", "allow-internal", "ssh-hosts", "canary-accounts")
_NUMBERS = ("timeout", "rate", "together")
_CAPS = ("per-provider", "per-run")
MAX_CAP = 1_000_000
KEYS = {*_LISTS, *_NUMBERS, *_CAPS, "host"}


def read_settings(config: Config) -> ProbeSettings:
    """Join the ``[verify]`` table of the operator's file with the options. Raises `UsageError`."""
    table = config.operator.get("verify", {})
    if not isinstance(table, Mapping):
        raise UsageError("verify in the operator's file must be a table")
    for key in table:
        if key not in KEYS:
            raise UsageError(f"verify.{key} in the operator's file is unknown; known: {', '.join(sorted(KEYS))}")
    lists = {key: _read_texts(table, key) for key in _LISTS}
    host = table.get("host", {})
    if not isinstance(host, Mapping) or not all(isinstance(place, str) for place in host.values()):
        raise UsageError('verify.host in the operator\'s file is a table such as { "gitlab.*" = "git.example.com" }')
    for account in lists["canary-accounts"]:
        if not (account.isdecimal() and len(account) == 12):
            raise UsageError(f"verify.canary-accounts: {account!r} is no AWS account id (12 digits)")
    ssh_hosts = (*lists["ssh-hosts"], *config.ssh_hosts)
    for target in ssh_hosts:
        if not re.fullmatch(r"[\w.-]+@[\w.-]+(?::\d{1,5})?", target):
            raise UsageError(f"{target!r} names no SSH server; write USER@HOST or USER@HOST:PORT")
    plain = ProbeSettings()
    return ProbeSettings(
        hosts=(*lists["hosts"], *config.verify_hosts),
        allow_internal=tuple(name.lower() for name in (*lists["allow-internal"], *config.allow_internal)),
        host_for=tuple(host.items()),
        ssh_hosts=ssh_hosts,
        canary_accounts=frozenset(lists["canary-accounts"]),
        reach=config.reach,
        timeout=_read_number(table, "timeout", plain.timeout, float),
        rate=_read_number(table, "rate", plain.rate, float),
        together=_read_number(table, "together", plain.together, int),
        per_provider=_read_cap(table, "per-provider", plain.per_provider),
        per_run=_read_cap(table, "per-run", plain.per_run),
    )


def _read_texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UsageError(f"verify.{key} in the operator's file must be a list of texts")
    return tuple(values)


def _read_number(table: Mapping[str, Any], key: str, usual: Any, kind: Callable[[Any], Any]) -> Any:
    value = table.get(key, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
        raise UsageError(f"verify.{key} in the operator's file must be a number above 0")
    return kind(value)


def _read_cap(table: Mapping[str, Any], key: str, usual: int) -> int:
    value = table.get(key, usual)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_CAP:
        raise UsageError(f"verify.{key} in the operator's file must be an integer from 1 to {MAX_CAP}")
    return value
