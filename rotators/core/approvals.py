"""Approvals that bind: a signature over one plan, by a person whom the operator's files name.

An approval is a small JSON document that names the run, the digest of its plan,
how far it goes, who approves and until when. It is signed with ``ssh-keygen -Y``:
people have such keys, also on hardware, and the check needs no service. The
signature stands in the journal and is checked again before every act, against
the present lists of approvers and of revoked keys. Whoever made a plan does not
approve it, and two approvals are two people with two keys.

Where the approvers' file belongs to the account that runs leakfirst, this
records approvals; only another owner of the file enforces them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from detector.errors import RotationError, UsageError
from rotators.core.journal import JournalEntry, JournalPhase, format_time, parse_time
from rotators.core.model import Decision, RotationPlan, RotationStep, StepKind, to_canonical_json
from rotators.core.runs import RunEvent

NAMESPACE = "rotation@leakfirst"
"""Keeps signatures made for something else, such as a git commit, from being used as approvals."""

SCHEMA = "leakfirst/approval/1"
POLICY = "policy"
"""Who approves what happens by itself."""
MAX_BYTES = 16 << 10
_NAME = re.compile(r"[\w.+@-]{1,128}", re.ASCII)
_GOOD = re.compile(r'Good "[^"]*" signature .*\b(SHA256:[\w+/=]+)', re.DOTALL)


class SignedScope(StrEnum):
    """How far an approval goes, the least first; `MADE` is the maker's signature and approves nothing."""

    MADE = "made"
    CONTAIN = "contain"
    REVERSIBLE = "reversible"
    FINAL = "final"


_ORDER = tuple(SignedScope)


class ApprovalRole(NamedTuple):
    """Who may approve what: globs over approvers, rules, accounts and steps, and how far."""

    who: tuple[str, ...]
    rules: tuple[str, ...] = ("*",)
    accounts: tuple[str, ...] = ("*",)
    steps: tuple[str, ...] = ("*",)
    scope: str = SignedScope.FINAL


class ApprovalRules(NamedTuple):
    """The ``[approvals]`` table: files of `ssh-keygen`, and how many approvals each scope needs.

    Without `approvers` approvals are recorded, not signed. `longest` is in seconds.
    """

    approvers: str = ""
    revoked: str = ""
    contain: int = 1
    reversible: int = 1
    final: int = 1
    longest: int = 7 * 86400
    roles: tuple[ApprovalRole, ...] = ()

    def count_needed(self, scope: str) -> int:
        """Return how many approvals *scope* needs."""
        return {SignedScope.CONTAIN: self.contain, SignedScope.REVERSIBLE: self.reversible}.get(
            SignedScope(scope), self.final
        )


class Approval(NamedTuple):
    """A document that was signed."""

    scope: SignedScope
    by: str
    steps: tuple[str, ...]
    expires: str


def make_document(plan: RotationPlan, scope: str, by: str, expires: float, steps: tuple[str, ...] = ()) -> bytes:
    """Return what has to be signed. *expires* is in seconds since the epoch. Raises `UsageError`."""
    if not _NAME.fullmatch(by):
        raise UsageError(f"{by!r} is no name of an approver: letters, digits and . + @ - only")
    if unknown := set(steps) - {step.id for step in plan.steps}:
        raise UsageError(f"the plan has no step {', '.join(sorted(unknown))}")
    body = {
        "schema": SCHEMA,
        "run": plan.id,
        "plan": f"sha256:{plan.digest}",
        "scope": SignedScope(scope),
        "steps": list(steps),
        "by": by,
        "expires": format_time(expires),
    }
    return to_canonical_json(body) + b"\n"


def read_document(data: bytes, plan: RotationPlan, now: float, longest: int) -> Approval:
    """Return the approval in *data*. Raises `RotationError` unless it is for *plan* and still holds."""
    try:
        body: Mapping[str, Any] = json.loads(data)
        if body["schema"] != SCHEMA:
            raise ValueError
        approval = Approval(
            SignedScope(body["scope"]), str(body["by"]), tuple(map(str, body["steps"])), str(body["expires"])
        )
        run, digest, until = str(body["run"]), str(body["plan"]), parse_time(approval.expires)
    except (ValueError, KeyError, TypeError):
        raise RotationError("this is no approval that we know how to read") from None
    if run != plan.id or digest != f"sha256:{plan.digest}":
        raise RotationError("the approval is for another plan, or the plan changed after it was approved")
    if until < now:
        raise RotationError(f"the approval of {approval.by} expired at {approval.expires}")
    if until > now + longest:
        raise RotationError(f"the approval of {approval.by} is valid for longer than the policy allows")
    return approval


def verify_signature(data: bytes, signature: str, by: str, rules: ApprovalRules) -> str:
    """Return the fingerprint of the key with which *by* signed *data*. Raises `RotationError` for anything else."""
    if not _NAME.fullmatch(by):
        raise RotationError("the approver's name is not one that a file of approvers can hold")
    for path in filter(None, (rules.approvers, rules.revoked)):
        _check_file(path)
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as file:
        file.write(signature)
        file.flush()
        command = ["ssh-keygen", "-Y", "verify", "-f", rules.approvers, "-I", by, "-n", NAMESPACE, "-s", file.name]
        command += ["-r", rules.revoked] if rules.revoked else []
        try:
            done = subprocess.run(
                command,
                input=data,
                capture_output=True,
                timeout=30,
                check=False,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            )
        except FileNotFoundError:
            raise UsageError("signed approvals need ssh-keygen (OpenSSH 8.2 or later)") from None
        except subprocess.TimeoutExpired:
            raise RotationError("ssh-keygen does not answer") from None
    good = _GOOD.search(done.stdout.decode("utf-8", "replace"))
    if done.returncode or good is None:
        raise RotationError(f"no valid signature of {by}: unknown, expired or revoked key, or a changed document")
    return good[1]


def _check_file(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise RotationError(f"cannot read {path}, which the policy names for approvals: {error.strerror}") from None
    if mode & 0o022:
        raise RotationError(f"{path} can be changed by others; chmod go-w it")


# -- what a step needs -------------------------------------------------------


def find_scope(step: RotationStep) -> SignedScope:
    """Return how far an approval has to go for *step*."""
    if not step.reversible:
        return SignedScope.FINAL
    return SignedScope.CONTAIN if step.kind == StepKind.CONTAIN else SignedScope.REVERSIBLE


def explain_missing(
    rules: ApprovalRules, plan: RotationPlan, entries: Iterable[JournalEntry], step: RotationStep, now: float
) -> str:
    """Say what *step* still needs before it may be done; empty when it is approved.

    Every signature is checked again, so a key that was revoked since then no
    longer counts.
    """
    scope, entries = find_scope(step), list(entries)
    if _approves_itself(plan, scope, entries):
        return ""
    needed = rules.count_needed(scope)
    maker_keys, problems = _find_makers_keys(rules, plan, entries, now) if needed > 1 else (set(), [])
    if needed > 1 and not maker_keys:
        return f"whoever made the plan ({plan.made_by}) has not signed it: approve --scope made. {' '.join(problems)}"
    valid: dict[str, str] = {}
    for approval, key in _read_approvals(rules, plan, entries, now, problems):
        if _ORDER.index(approval.scope) < _ORDER.index(scope) or (approval.steps and step.id not in approval.steps):
            continue
        if approval.by == plan.made_by or key in maker_keys:
            problems.append(f"{approval.by} made the plan.")
        elif not _has_role(rules, plan, approval.by, step, scope):
            problems.append(f"{approval.by} has no role for this step.")
        else:
            valid[key] = approval.by
    count = min(len(valid), len(set(valid.values())))
    if count >= needed:
        return ""
    return f"{step.title!r} needs {needed} approval(s) of scope {scope}, has {count}. {' '.join(problems)}".strip()


def _approves_itself(plan: RotationPlan, scope: str, entries: list[JournalEntry]) -> bool:
    """Tell whether the policy lets the step happen by itself and was noted as the approver of this plan."""
    far = {Decision.AUTO: SignedScope.REVERSIBLE, Decision.AUTO_FINAL: SignedScope.FINAL}.get(plan.decision)
    noted = any(
        entry.step == RunEvent.APPROVE and entry.facts.get("by") == POLICY and entry.facts.get("digest") == plan.digest
        for entry in entries
    )
    return noted and far is not None and _ORDER.index(scope) <= _ORDER.index(far)


def _read_approvals(
    rules: ApprovalRules, plan: RotationPlan, entries: list[JournalEntry], now: float, problems: list[str]
) -> list[tuple[Approval, str]]:
    found = []
    for entry in entries:
        signed = entry.step == RunEvent.APPROVE or (entry.phase == JournalPhase.NOTE and "signature" in entry.facts)
        if not signed or entry.facts.get("by") == POLICY:
            continue
        if "document" not in entry.facts or "signature" not in entry.facts:
            problems.append("An approval without a signature does not count.")
            continue
        try:
            document = entry.facts["document"].encode()
            approval = read_document(document, plan, now, rules.longest)
            found.append((approval, verify_signature(document, entry.facts["signature"], approval.by, rules)))
        except RotationError as error:
            problems.append(f"{str(error)[:1].upper()}{str(error)[1:]}.")
    return found


def _find_makers_keys(
    rules: ApprovalRules, plan: RotationPlan, entries: list[JournalEntry], now: float
) -> tuple[set[str], list[str]]:
    problems: list[str] = []
    signed = _read_approvals(rules, plan, entries, now, problems)
    return {key for approval, key in signed if approval.scope == "made" and approval.by == plan.made_by}, problems


def _has_role(rules: ApprovalRules, plan: RotationPlan, by: str, step: RotationStep, scope: str) -> bool:
    account = dict(plan.facts).get("account", "")
    return not rules.roles or any(
        _matches(role.who, by)
        and _matches(role.rules, plan.rule_id)
        and _matches(role.accounts, account)
        and (_matches(role.steps, step.id) or _matches(role.steps, step.kind))
        and _ORDER.index(scope) <= _ORDER.index(SignedScope(role.scope))
        for role in rules.roles
    )


def _matches(globs: tuple[str, ...], text: str) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)
