"""Access keys of IAM users.

A user has room for two keys, creation has no idempotency token, and a key
that was made `Inactive` leaves the sessions it opened alive for up to 36
hours. So: intent before creation, one attempt, strays found by comparing the
key list, never an active key deleted that we did not make, and sessions
denied beside the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from detector.secret import Secret
from rotators.core import aws, aws_users, cloudtrail, contracts, lost_creations
from rotators.core.contracts import Handles, Values
from rotators.core.journal import format_time, parse_time
from rotators.core.model import (
    Capability,
    Case,
    EarlyEnd,
    Facet,
    FacetReport,
    FacetState,
    Identity,
    Leak,
    Measure,
    NewCredential,
    NotKnownYet,
    NotPropagated,
    Proof,
    ProofState,
    StepKind,
    UnexpectedState,
)

SERVES = ("aws.*",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    reversible_disable=True,
    can_delete=True,
    limits="two keys per user; changes take seconds to reach every server",
    runbook="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
)

TESTED = "moto, ministack"

QUARANTINE_POLICY = f"{aws_users.QUARANTINES}V3"

DEACTIVATE, SESSIONS, DENY_ALL, QUARANTINE = "deactivate", "sessions", "deny-all", "quarantine"
"""The measures."""

POLICY_NAMES = {SESSIONS: "Sessions", DENY_ALL: "DenyAll"}

SESSIONS_UNTIL = "sessions.until"
"""The fact that says up to when sessions are denied."""

LAST_USE, NEVER = "used.last", "never"
"""The fact that says when the key was used last, noted before it is deleted: AWS forgets it then."""

MARGIN = 300
"""Seconds that a deactivated key may still open sessions: IAM spreads changes in seconds, and promises nothing."""

LONGEST_SESSION = 37 * 3600
"""Seconds after which no session that a user's key opened can be left: 36 hours, and one for what spreads late."""

LAST_USE_DELAY = 4 * 3600
"""Seconds after which AWS is taken to have recorded a key's last use."""


class Rotator(contracts.Rotator):
    """Settings: profile, region, endpoint, end_sessions, quarantine, deny_all, prove_by_use, actions, resources.

    `actions` are what the consumers do; IAM is asked before and after whether the user may (`resources`: on what).
    """

    fields: tuple[str, ...] = ("access_key_id", "secret_access_key")
    public = frozenset({"access_key_id"})
    identifying = ("user", "partition")
    changed_by_measures = ("status", "allowed")

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._settings = case.settings
        self._id = aws.find_key_id(case.leak)

    # -- looking -------------------------------------------------------------

    guess_account = staticmethod(aws.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return aws.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """Map the key id to its user; no use of the leaked key."""
        user = self._find_user()
        key = self._find_key(user, self._id)
        used = aws_users.read_last_use(self._settings, self._id)
        account = aws_users.find_arn(self._settings, user).split(":")[4]
        hint = aws.decode_account(self._id)
        facts = [("status", key["Status"]), ("keys of this user", str(len(self._list_keys(user))))]
        if hint and hint != account:
            facts.append(("account in the key id", f"{hint} (old ids spell nonsense)"))
        return Identity(
            handle=self._id,
            account=f"aws:{account}",
            principal=f"user {user}",
            created=aws_users.format_date(key["CreateDate"]),
            last_used=" ".join(used),
            facts=tuple(facts),
        )

    def blast_radius(self) -> tuple[tuple[str, str], ...]:
        """List the user's policies, groups and other keys."""
        user, iam = self._find_user(), self._iam_client()
        attached = iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]
        inline = iam.list_user_policies(UserName=user)["PolicyNames"]
        groups = iam.list_groups_for_user(UserName=user)["Groups"]
        found = {
            "policies": [policy["PolicyName"] for policy in attached] + list(inline),
            "groups": [group["GroupName"] for group in groups],
            "other keys": [f"{k['AccessKeyId']} {k['Status']}" for k in self._list_other_keys(user)],
        }
        return tuple((name, ", ".join(names)) for name, names in found.items() if names)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        proof: tuple[str, ...] = ("iam:ListAccessKeys",)
        if bool(self._settings.get("prove_by_use", True)):
            proof += ("sts:GetCallerIdentity with the old key",)
        return {
            StepKind.MINT: ("iam:ListAccessKeys", "iam:CreateAccessKey (once, never repeated)"),
            StepKind.PROVE_NEW: ("sts:GetCallerIdentity with the new key",),
            StepKind.DISABLE: tuple(call for one in self.measures(StepKind.DISABLE) for call in one.calls),
            StepKind.PROVE_DEAD: proof,
            StepKind.DELETE: (f"iam:DeleteAccessKey {self._id}",),
            StepKind.PROVE_GONE: proof,
        }.get(kind, ())

    def unprovable(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        lines = ["whether every service and region has seen the change"]
        if self._ends_sessions():
            lines.append("whether federation sessions (GetFederationToken) ended: AWS documents it either way")
        else:
            lines.append("whether sessions opened with the key ended: they live for up to 36 hours")
        return tuple(lines)

    def preconditions(self) -> Handles:
        """The plan rests on the user, its keys and the old key's status."""
        user = self._find_user()
        keys = sorted(key["AccessKeyId"] for key in self._list_keys(user))
        return {
            "user": user,
            "keys": " ".join(keys),
            "status": self._find_key(user, self._id)["Status"],
            "partition": aws_users.find_arn(self._settings, user).split(":")[1],
            **(
                {
                    "allowed": " ".join(
                        aws_users.simulate(self._settings, aws_users.find_arn(self._settings, self._find_user()))
                    )
                }
                if self._settings.get("actions")
                else {}
            ),
        }

    # -- the new key ---------------------------------------------------------

    def preflight(self) -> None:
        """The two-key rule: an active key that we did not make is never deleted for room."""
        user = self._find_user()
        aws.require_other_key(self._iam_client(), self._id)
        keys = self._list_keys(user)
        if self._id not in {key["AccessKeyId"] for key in keys}:
            raise UnexpectedState(f"{self._id} is no key of {user} any more")
        if theirs := aws_users.list_foreign_quarantines(self._settings, user, self.case.handles):
            raise UnexpectedState(
                f"AWS or somebody put {user} under quarantine ({', '.join(theirs)}), which a new key would be under, "
                "too: settle that with AWS, then resume"
            )
        if len(keys) < 2:
            return
        other = next(key for key in keys if key["AccessKeyId"] != self._id)
        if other["Status"] == "Inactive" and other["AccessKeyId"] == self._settings.get("may_delete"):
            self._delete_key(user, other["AccessKeyId"])
            return
        raise UnexpectedState(
            f"{user} has two keys; {other['AccessKeyId']} ({other['Status']}) is not ours to delete. "
            "Deactivate and delete it, or name it in may_delete once it is inactive"
        )

    def before_create(self) -> Handles:
        """Note the keys that are there, and AWS's time."""
        with aws.translate_errors():
            answer = self._iam_client().list_access_keys(UserName=self._find_user())
        names = sorted(key["AccessKeyId"] for key in answer["AccessKeyMetadata"])
        now = aws.read_server_time(answer) or self.case.clock.now()
        return {"mint.keys": " ".join(names), "mint.time": format_time(now)}

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        iam = aws.make_client("iam", self._settings, once=True, mark=self._mark)
        aws.require_other_key(iam, self._id)
        user = self._find_user()
        with aws.translate_errors(), aws.tell_refusals():
            key = iam.create_access_key(UserName=user)["AccessKey"]
        return self._make_new_credential(key["AccessKeyId"], Secret(key["SecretAccessKey"].encode()))

    def _make_new_credential(self, key_id: str, secret: Secret) -> NewCredential:
        values = {"access_key_id": Secret(key_id.encode()), "secret_access_key": secret}
        return NewCredential(values, {"new_handle": key_id})

    def strays(self) -> tuple[str, ...]:
        """Find the key that a crash or a lost answer left behind, if it is shown to be ours."""
        handles = self.case.handles
        started = handles.get("mint.time", handles.get("mint.started"))
        if started is None:
            return ()
        since = parse_time(started)
        found = {key["AccessKeyId"]: key["CreateDate"].timestamp() for key in self._list_keys(self._find_user())}
        before = set(handles.get("mint.keys", handles["before.keys"]).split())
        name = lost_creations.choose_only_new(found, before, since)
        if name is None:
            return ()
        if aws_users.read_last_use(self._settings, name)[0]:
            lost_creations.raise_stranger(name, "it is in use")
        maker = cloudtrail.find_key_maker(self._settings, name, since, self._mark)
        if maker == cloudtrail.Maker.SOMEBODY_ELSE:
            lost_creations.raise_stranger(name, "CloudTrail says so")
        if maker == cloudtrail.Maker.NOT_YET_KNOWN:
            left = since + cloudtrail.EVENT_DELAY - self.case.clock.now()
            if left > 0:
                raise NotKnownYet(f"CloudTrail does not say yet who made {name}", left)
            lost_creations.raise_stranger(name, "CloudTrail has no event for it")
        return (name,)

    @property
    def _mark(self) -> str:
        return f"leakfirst/{self.case.run[:12]}"

    def discard(self, handle: str) -> None:
        """Deactivate first and look at its use again: should it be in use after all, that can be taken back."""
        known = {*self.case.handles["before.keys"].split(), *self.case.handles.get("mint.keys", "").split()}
        if handle in known:
            raise UnexpectedState(f"{handle} was there before this run")
        user = self._find_user()
        if handle not in {key["AccessKeyId"] for key in self._list_keys(user)}:
            return
        self._set_status(user, handle, "Inactive")
        self._delete_key(user, handle)

    def verify_new(self, values: Values) -> Proof:
        """Sign in as the new key; it must be the same user."""
        found = self._try_key(values["access_key_id"].reveal().decode(), values["secret_access_key"])
        if not found.endswith(f"/{self._find_user()}"):
            raise UnexpectedState(f"the new key belongs to {found}, not to {self._find_user()}")
        if why := aws_users.find_hindrance(self._settings, self._find_user(), self.case.handles):
            raise NotPropagated(why)
        return Proof(ProofState.ALIVE, f"signs in as {found}")

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        secret = aws.find_key_secret(self.case.leak)
        return {"access_key_id": Secret(self._id.encode()), "secret_access_key": secret} if secret else {}

    # -- the old key ---------------------------------------------------------

    def used_since(self, when: float) -> str:
        """See `contracts.Rotator`; AWS tells the last use only."""
        date, *where = aws_users.read_last_use(self._settings, self._id)
        return f"{date} {' '.join(where)}" if date and parse_time(date) > when else ""

    def measures(self, kind: StepKind) -> tuple[Measure, ...]:
        """Deactivate first; the others follow, each on its own."""
        inactive = Measure(DEACTIVATE, "deactivate the key", (f"iam:UpdateAccessKey {self._id} Inactive",))
        put, delete = "iam:PutUserPolicy", "iam:DeleteUserPolicy"
        cut = Measure(
            SESSIONS,
            f"deny sessions opened until {MARGIN // 60} minutes after the key was deactivated",
            (f"{put} {self._policy_name(SESSIONS)}",),
            best_effort=True,
            lasts=LONGEST_SESSION,
            lift_calls=(f"{delete} {self._policy_name(SESSIONS)}",),
        )
        deny = Measure(
            DENY_ALL,
            "deny the user everything",
            (f"{put} {self._policy_name(DENY_ALL)}",),
            best_effort=True,
            hinders_new=True,
            lift_calls=(f"{delete} {self._policy_name(DENY_ALL)}",),
        )
        arn = self._quarantine()
        quarantine = Measure(
            QUARANTINE,
            "put the user under quarantine",
            (f"iam:AttachUserPolicy {arn}",),
            best_effort=True,
            hinders_new=True,
            lift_calls=(f"iam:DetachUserPolicy {arn}, unless it was attached before",),
        )
        wanted = [inactive, *([cut] if self._ends_sessions() else [])]
        if kind == StepKind.CONTAIN:
            wanted += [deny] if self._settings.get("deny_all") else []
            wanted += [quarantine] if arn else []
        return tuple(wanted)

    def look_at(self, measure: str) -> Handles:
        """See `contracts.Rotator`."""
        user = self._find_user()
        if measure == DEACTIVATE:
            return {"deactivate.before": self._find_key(user, self._id)["Status"]}
        if measure == QUARANTINE:
            arn = self._quarantine()
            there = arn in aws_users.list_attached(self._settings, user)
            return {"quarantine.arn": arn, "quarantine.before": "attached" if there else "absent"}
        name = self._policy_name(measure)
        return {f"{measure}.policy": name, f"{measure}.before": "absent"}

    def take(self, measure: str) -> Handles:
        """See `contracts.Rotator`."""
        user = self._find_user()
        aws.require_other_key(self._iam_client(), self._id)
        if measure == DEACTIVATE:
            return self._deactivate(user)
        if measure == SESSIONS:
            return self._cut_sessions(user)
        if measure == DENY_ALL:
            self._put_policy(user, self._policy_name(DENY_ALL), {})
        elif self._quarantine() not in aws_users.list_attached(self._settings, user):
            with aws.translate_errors():
                self._iam_client().attach_user_policy(UserName=user, PolicyArn=self._quarantine())
        return {}

    def lift(self, measure: str) -> None:
        """Put back what was there before this run, and read it back. A policy of another name is never touched."""
        user, handles, iam = self._find_user(), self.case.handles, self._iam_client()
        if measure == DEACTIVATE:
            before = handles.get("deactivate.before", handles["before.status"])
            if self._find_key(user, self._id)["Status"] != before:
                self._set_status(user, self._id, before)
            aws_users.require(
                self.case.clock,
                lambda: self._find_key(user, self._id)["Status"] == before,
                f"{self._id} is not {before}",
            )
        elif measure == QUARANTINE:
            if handles.get("quarantine.before", "attached") == "attached":
                return
            arn = handles["quarantine.arn"]
            with aws.translate_errors(gone=("NoSuchEntity",)):
                iam.detach_user_policy(UserName=user, PolicyArn=arn)
            aws_users.require(
                self.case.clock,
                lambda: arn not in aws_users.list_attached(self._settings, user),
                f"{arn} is still attached",
            )
        else:
            name = self._policy_name(measure)
            with aws.translate_errors(gone=("NoSuchEntity",)):
                iam.delete_user_policy(UserName=user, PolicyName=name)
            aws_users.require(
                self.case.clock,
                lambda: name not in aws_users.list_inline(self._settings, user),
                f"{name} is still there",
            )

    def ends_early(self, measure: str) -> EarlyEnd | None:
        """A key that AWS has never seen in use has opened no session."""
        if measure != SESSIONS or self._find_last_use() != NEVER:
            return None
        since = self.case.handles.get("deactivated.at")
        settled = since is not None and self.case.clock.now() - parse_time(since) >= LAST_USE_DELAY
        kept = "" if settled else f"; {self._policy_name(SESSIONS)} stays, and denies nothing opened later"
        return EarlyEnd(f"AWS has no record of any use of the key{kept}", settled)

    def report_rest(self) -> tuple[FacetReport, ...]:
        """Report the sessions that the key opened, and keys that appeared on its user."""
        handles = self.case.handles
        known = {self._id, handles.get("new_handle", ""), *handles["before.keys"].split()}
        fresh = sorted({key["AccessKeyId"] for key in self._list_keys(self._find_user())} - known)
        strangers = FacetReport(Facet.STRANGERS, FacetState.CLOSED, "the user has no key that nobody explained")
        if fresh:
            why = f"{', '.join(fresh)} appeared since the plan and is not ours"
            strangers = FacetReport(Facet.STRANGERS, FacetState.OPEN, why)
        return (FacetReport(Facet.SESSIONS, *self._judge_sessions()), strangers)

    def _judge_sessions(self) -> tuple[FacetState, str]:
        """Tell what is known of sessions: none if the key was never used, else their age and CloudTrail decide."""
        if self._find_last_use() == NEVER:
            return FacetState.CLOSED, "AWS has no record of any use of the key"
        since = self.case.handles.get("deactivated.at")
        if since is None:
            return FacetState.UNKNOWN, "AWS did not say when the key was deactivated"
        over = parse_time(since) + MARGIN + LONGEST_SESSION
        if self.case.clock.now() < over:
            end = f"none of the user is left after {format_time(over)}"
            if SESSIONS_UNTIL in self.case.handles:
                return FacetState.BOUNDED, f"they are denied, which was not tested; {end}"
            return FacetState.UNKNOWN, f"whether it opened any; nothing denies them; {end}"
        opened = cloudtrail.find_role_sessions(self._settings, self._id)
        if opened is None:
            return FacetState.UNKNOWN, "sessions of roles that it assumed: CloudTrail cannot be read in every region"
        if opened:
            return FacetState.UNKNOWN, f"it opened sessions of {', '.join(opened)}, which may have been renewed"
        return FacetState.CLOSED, "those of the user are too old to be left, and CloudTrail shows none of a role"

    def describe_now(self) -> str:
        """See `contracts.Rotator`; what may not be read is said to be so."""
        user = self._find_user()
        keys = [f"{key['AccessKeyId']} is {key['Status']}" for key in self._list_keys(user)]
        prefix = f"leakfirst-{self.case.run[:12]}-"

        def read(what: str, find: Callable[[], list[str]]) -> list[str]:
            try:
                return find()
            except Exception as error:
                return [f"{what} that cannot be read ({type(error).__name__})"]

        ours = read(
            "policies",
            lambda: [name for name in aws_users.list_inline(self._settings, user) if name.startswith(prefix)],
        )
        arn = self._quarantine()
        ours += read("attached policies", lambda: [arn] if arn in aws_users.list_attached(self._settings, user) else [])
        return "; ".join([*keys, f"on {user}: {', '.join(ours) or 'no policy of this run'}"])

    def disable(self) -> Handles:
        """Deactivate the key and deny the sessions that it opened."""
        done: dict[str, str] = {}
        for one in self.measures(StepKind.DISABLE):
            for name, value in self.look_at(one.name).items():
                self.case.handles.setdefault(name, value)
            done |= self.take(one.name)
        return done

    def _deactivate(self, user: str) -> Handles:
        with aws.translate_errors():
            answer = self._iam_client().list_access_keys(UserName=user)
        status = next((k["Status"] for k in answer["AccessKeyMetadata"] if k["AccessKeyId"] == self._id), "deleted")
        if status == "Active":
            self._set_status(user, self._id, "Inactive")
        elif "deactivated.at" in self.case.handles:
            return {}
        now = aws.read_server_time(answer) or self.case.clock.now()
        return {"deactivated.at": format_time(now)}

    def _cut_sessions(self, user: str) -> Handles:
        """Deny what was opened before the deactivation has reached every server, by AWS's clock."""
        handles = self.case.handles
        began = parse_time(handles["deactivated.at"]) if "deactivated.at" in handles else self._read_server_time(user)
        until = began + MARGIN
        if SESSIONS_UNTIL in handles and parse_time(handles[SESSIONS_UNTIL]) >= until:
            until = parse_time(handles[SESSIONS_UNTIL])
        name, text = self._policy_name(SESSIONS), format_time(until)
        self._put_policy(user, name, {"DateLessThan": {"aws:TokenIssueTime": text.replace("+00:00", "Z")}})
        aws_users.require(
            self.case.clock, lambda: name in aws_users.list_inline(self._settings, user), f"{name} is not there"
        )
        return {SESSIONS_UNTIL: text}

    def _read_server_time(self, user: str) -> float:
        with aws.translate_errors():
            answer = self._iam_client().list_access_keys(UserName=user)
        return aws.read_server_time(answer) or self.case.clock.now()

    def _policy_name(self, measure: str) -> str:
        """Return the name of our policy for *measure*; it carries the run, so that no two runs share one."""
        return f"leakfirst-{self.case.run[:12]}-{POLICY_NAMES[measure]}"

    def verify_dead(self) -> Proof:
        """Ask the list, then (unless switched off) try the key."""
        user = self._find_user()
        status = next((k["Status"] for k in self._list_keys(user) if k["AccessKeyId"] == self._id), "deleted")
        if status == "Active":
            return Proof(ProofState.ALIVE, "the key is listed as Active")
        secret = aws.find_key_secret(self.case.leak)
        if not bool(self._settings.get("prove_by_use", True)) or secret is None:
            if status == "deleted":
                return Proof(ProofState.GONE, f"{user} has no such key any more; its value was not tried")
            return Proof(ProofState.UNVERIFIABLE, f"listed as {status}; its value was not tried")
        try:
            return Proof(
                ProofState.ALIVE, f"listed as {status}, but still signs in as {self._try_key(self._id, secret)}"
            )
        except NotPropagated as refused:
            return Proof(ProofState.DEAD, f"listed as {status}; {refused}")
        except PermissionError as refused:
            return Proof(ProofState.UNVERIFIABLE, f"listed as {status}; the found secret is not its own ({refused})")

    def before_delete(self) -> Handles:
        """Note the last use, which AWS forgets together with the key."""
        last = self._find_last_use()
        return {LAST_USE: last} if last else {}

    def delete(self) -> Handles:
        """See `contracts.Rotator`."""
        self._delete_key(self._find_user(), self._id)
        return {}

    def undo(self, kind: StepKind) -> None:
        """Lift the measures of *kind*, the last one first."""
        for one in reversed(self.measures(kind)):
            self.lift(one.name)

    # -- calls ---------------------------------------------------------------

    def _iam_client(self) -> Any:
        return aws.make_client("iam", self._settings)

    def _find_user(self) -> str:
        known = self.case.handles.get("before.user") or self._settings.get("user")
        if known:
            return str(known)
        iam = self._iam_client()
        try:
            with aws.translate_errors():
                if user := iam.get_access_key_last_used(AccessKeyId=self._id).get("UserName"):
                    return str(user)
        except iam.exceptions.NoSuchEntityException:
            raise UnexpectedState(f"no user in the operator's account has {self._id}") from None
        raise UnexpectedState(f"AWS names no user for {self._id}; a root key is for a person")

    def _list_keys(self, user: str) -> list[dict[str, Any]]:
        with aws.translate_errors():
            pages = self._iam_client().get_paginator("list_access_keys").paginate(UserName=user)
            return [key for page in pages for key in page["AccessKeyMetadata"]]

    def _list_other_keys(self, user: str) -> list[dict[str, Any]]:
        return [key for key in self._list_keys(user) if key["AccessKeyId"] != self._id]

    def _find_key(self, user: str, key_id: str) -> dict[str, Any]:
        for key in self._list_keys(user):
            if key["AccessKeyId"] == key_id:
                return key
        raise UnexpectedState(f"{user} has no key {key_id}")

    def _find_last_use(self) -> str:
        """Return when the old key was last used, or `NEVER`; "" if AWS does not know the key any more."""
        if LAST_USE in self.case.handles:
            return self.case.handles[LAST_USE]
        from botocore.exceptions import ClientError

        try:
            return " ".join(aws_users.read_last_use(self._settings, self._id)) or NEVER
        except ClientError as error:
            if aws.get_error_code(error) in ("NoSuchEntity", "AccessDenied"):
                return ""
            raise

    def _set_status(self, user: str, key_id: str, status: str) -> None:
        with aws.translate_errors():
            self._iam_client().update_access_key(UserName=user, AccessKeyId=key_id, Status=status)

    def _delete_key(self, user: str, key_id: str) -> None:
        with aws.translate_errors(gone=("NoSuchEntity",)):
            self._iam_client().delete_access_key(UserName=user, AccessKeyId=key_id)

    def _put_policy(self, user: str, name: str, condition: Mapping[str, Any]) -> None:
        with aws.translate_errors():
            self._iam_client().put_user_policy(
                UserName=user, PolicyName=name, PolicyDocument=aws.make_deny_policy(condition)
            )

    def _try_key(self, key_id: str, secret: Secret) -> str:
        return aws.get_caller_identity(self._settings, key_id, secret)["arn"]

    def _ends_sessions(self) -> bool:
        return bool(self._settings.get("end_sessions", True))

    def _quarantine(self) -> str:
        """Return the ARN of the policy to attach: in the user's own partition unless the settings name another one."""
        if "quarantine" in self._settings:
            return str(self._settings["quarantine"])
        return f"arn:{self._find_partition()}:iam::aws:policy/{QUARANTINE_POLICY}"

    def _find_partition(self) -> str:
        return (
            self.case.handles.get("before.partition")
            or aws_users.find_arn(self._settings, self._find_user()).split(":")[1]
        )


def inventory(settings: Mapping[str, Any], before: float) -> Iterator[Leak]:
    """List active keys that were made before *before*."""
    iam = aws.make_client("iam", settings)
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]:
                if key["Status"] == "Active" and key["CreateDate"].timestamp() < before:
                    name = key["AccessKeyId"]
                    yield Leak("aws.access-key", f"age:{name}", Secret(name.encode()))
