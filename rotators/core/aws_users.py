"""What hangs on a user of IAM: its policies, what they allow, and what hinders a new key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rotators.core import aws
from rotators.core.model import Clock, UnexpectedState

QUARANTINES = "AWSCompromisedKeyQuarantine"
"""How the names of AWS's policies begin that hinder a leaked user."""


def list_attached(settings: Mapping[str, Any], user: str) -> set[str]:
    """Return the ARNs of the policies that are attached to *user*."""
    with aws.translate_errors():
        pages = aws.make_client("iam", settings).get_paginator("list_attached_user_policies").paginate(UserName=user)
        return {policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]}


def list_inline(settings: Mapping[str, Any], user: str) -> list[str]:
    """Return the names of the policies that are written into *user*."""
    with aws.translate_errors():
        pages = aws.make_client("iam", settings).get_paginator("list_user_policies").paginate(UserName=user)
        return [name for page in pages for name in page["PolicyNames"]]


def list_quarantines(settings: Mapping[str, Any], user: str) -> list[str]:
    """Return the ARNs of AWS's quarantine policies on *user*."""
    attached = list_attached(settings, user)
    return sorted(arn for arn in attached if arn.rpartition("/")[2].startswith(QUARANTINES))


def list_foreign_quarantines(settings: Mapping[str, Any], user: str, handles: Mapping[str, str]) -> list[str]:
    """Return AWS's quarantine policies on *user* that are not there by this run's measure."""
    ours = handles.get("quarantine.arn") if handles.get("quarantine.before") == "absent" else None
    return [arn for arn in list_quarantines(settings, user) if arn != ours]


def find_hindrance(settings: Mapping[str, Any], user: str, handles: Mapping[str, str]) -> str:
    """Say what denies a new key of *user* what the user was allowed at the plan; "" for nothing."""
    left = list_quarantines(settings, user) if "quarantine.arn" in handles else []
    if "deny-all.policy" in handles:
        left += [name for name in list_inline(settings, user) if name == handles["deny-all.policy"]]
    if left:
        return f"{', '.join(left)} on {user} hinders the new key"
    before = set(handles.get("before.allowed", "").split())
    if before and (lost := sorted(before - set(simulate(settings, find_arn(settings, user))))):
        return f"the user may no longer {', '.join(lost)} (simulated)"
    return ""


def simulate(settings: Mapping[str, Any], arn: str) -> list[str]:
    """Return those of the settings' `actions` that IAM would allow the user *arn* now, on all of the `resources`."""
    resources = {"ResourceArns": list(settings["resources"])} if settings.get("resources") else {}
    with aws.translate_errors():
        found = aws.make_client("iam", settings).simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=list(settings["actions"]), **resources
        )
    results = found["EvaluationResults"]
    denied = {one["EvalActionName"] for one in results if one["EvalDecision"] != "allowed"}
    return sorted({one["EvalActionName"] for one in results} - denied)


def find_arn(settings: Mapping[str, Any], user: str) -> str:
    """Return the ARN of *user*."""
    with aws.translate_errors():
        return str(aws.make_client("iam", settings).get_user(UserName=user)["User"]["Arn"])


def read_last_use(settings: Mapping[str, Any], key_id: str) -> tuple[str, ...]:
    """Return when, by which service and in which region a key was used last; ("",) if AWS knows of no use."""
    with aws.translate_errors():
        answer = aws.make_client("iam", settings).get_access_key_last_used(AccessKeyId=key_id)
    used = answer.get("AccessKeyLastUsed", {})
    if "LastUsedDate" not in used:
        return ("",)
    return (format_date(used["LastUsedDate"]), used.get("ServiceName", ""), used.get("Region", ""))


def format_date(when: Any) -> str:
    """Return a time of AWS in ISO 8601, in UTC."""
    if isinstance(when, datetime):
        return when.astimezone(UTC).isoformat(timespec="seconds")
    return str(when)


def require(clock: Clock, is_so: Callable[[], bool], otherwise: str) -> None:
    """Read back, with patience: IAM's lists lag behind. Raises `UnexpectedState` with *otherwise*."""
    for wait in (1, 2, 4, 0):
        if is_so():
            return
        clock.sleep(wait)
    raise UnexpectedState(otherwise)
