"""As whom we act for which account: the operator's identities, chosen by the account of a credential.

An organisation has one identity per account, address or namespace. A few
``[[identities]]`` tables name them all, by globs and by templates of roles. The
account that a credential *seems* to be of chooses the identity that asks; whose it
*is* has to choose the same one, or the question is asked again by the right one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core.model import Leak, UnexpectedState

NAMES = frozenset({"profile", "assume_role", "token_env", "token_file", "auth", "agent_socket"})
"""Settings that say who somebody is: they stand in one place only."""

AWS_SETTINGS = frozenset({"profile", "assume_role", "external_id_env", "external_id_file", "partition", "region"})
VAULT_SETTINGS = frozenset(
    {"token_env", "token_file", "auth", "auth_mount", "auth_role", "auth_namespace", "ca_file", "agent_socket"}
    | {f"{name}_{where}" for name in ("role_id", "secret_id", "jwt") for where in ("env", "file")}
)
TOKEN_SETTINGS = frozenset({"token_env", "token_file"})
_SETTINGS = {"aws": AWS_SETTINGS, "vault": VAULT_SETTINGS}

_AWS_ACCOUNT = re.compile(r"aws:(\d{12})")
_REGIONS = {"aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1"}


class IdentityRule(NamedTuple):
    """One ``[[identities]]`` table: who acts for these accounts. *accounts* are globs, as ``[accounts] allow`` has."""

    accounts: tuple[str, ...]
    settings: Mapping[str, Any]


def list_settings(accounts: Sequence[str]) -> frozenset[str]:
    """Return the settings that an identity for *accounts* may have."""
    kinds = {glob.partition(":")[0] for glob in accounts}
    if kinds <= _SETTINGS.keys():
        return frozenset().union(*(_SETTINGS[kind] for kind in kinds))
    return AWS_SETTINGS | VAULT_SETTINGS if "*" in "".join(kinds) else TOKEN_SETTINGS


def choose_identity(rules: Sequence[IdentityRule], account: str) -> IdentityRule | None:
    """Return the first rule for *account*; whoever acts in a namespace of Vault acts in those below it, too."""
    return _match(rules, account)[0]


def _match(rules: Sequence[IdentityRule], account: str) -> tuple[IdentityRule | None, str]:
    """Return the rule for *account*, and the account that it is written for: the same, or a namespace above."""
    while True:
        for rule in rules:
            if any(fnmatchcase(account, glob) for glob in rule.accounts):
                return rule, account
        account, slash, _ = account.rpartition("/")
        if not slash:
            return None, ""


def complete_settings(
    rules: Sequence[IdentityRule], table: Mapping[str, Any], account: str, run: str = ""
) -> dict[str, Any]:
    """Return *table* with the identity for *account*. Raises `UsageError` if it names one of its own as well."""
    settings = dict(table)
    rule, written_for = _match(rules, account)
    if rule is None:
        return settings
    if twice := sorted(NAMES & table.keys()):
        raise UsageError(
            f"the policy names {', '.join(twice)} for {account}, for which [[identities]] has an identity: "
            "name it in one place"
        )
    settings = {**_fill_in(rule.settings, account, run), **settings}
    kind, _, rest = account.partition(":")
    if kind == "vault" and "/" in rest:
        settings.setdefault("namespace", rest.partition("/")[2])
        settings.setdefault("auth_namespace", written_for.partition("/")[2])
    return settings


def _fill_in(given: Mapping[str, Any], account: str, run: str) -> dict[str, Any]:
    """Return the settings of an identity with its templates filled in."""
    settings = dict(given)
    partition = str(settings.get("partition", "aws"))
    if found := _AWS_ACCOUNT.fullmatch(account):
        settings["account"] = found[1]
        if partition in _REGIONS:
            settings.setdefault("region", _REGIONS[partition])
    for name in ("assume_role", "profile"):
        if name in settings:
            settings[name] = _fill_template(str(settings[name]), found[1] if found else "", partition)
    if "assume_role" in settings:
        settings["session_name"] = f"leakfirst-{run[:12]}" if run else "leakfirst"
    return settings


def _fill_template(text: str, account: str, partition: str) -> str:
    if "{account}" in text and not account:
        raise UsageError(f"{text}: which AWS account this credential is of is not known")
    return text.replace("{account}", account).replace("{partition}", partition)


def refuse_leaked(settings: Mapping[str, Any], leak: Leak, account: str) -> None:
    """Raise `UnexpectedState` if a credential that *settings* name for us is the leaked one."""
    for name, where in settings.items():
        if name.endswith(("_env", "_file")) and name != "ca_file" and _read(name, str(where)) in leak.values():
            raise UnexpectedState(f"{name} holds the leaked credential itself; the operator needs another one")
    if account.startswith("aws:"):
        from rotators.core import aws

        if Secret(aws.find_operator_key(settings).encode()) in leak.values():
            raise UnexpectedState("the operator's credentials are the leaked key itself; set a profile of its own")


def _read(name: str, where: str) -> Secret:
    """Return what a setting refers to, or nothing: whoever needs it says why it cannot be read."""
    if name.endswith("_env"):
        return Secret(os.environ.get(where, "").encode())
    try:
        with open(where, "rb") as file:
            return Secret(file.read(1 << 16).strip())
    except OSError:
        return Secret(b"")
