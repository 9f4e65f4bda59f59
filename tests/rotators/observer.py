"""An independent observer of a rotation: another client, which has the old and the new value, and compares what a run says.

It goes past the proxy that the run has to live with, and knows what only the
world knows: which keys and policies a colleague made, and which session an
attacker opened with the leaked key.
"""

from __future__ import annotations

import json
import pathlib
import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from detector.errors import LeakfirstError
from detector.secret import Secret
from rotators.core import aws as aws_clients
from rotators.core import endings, runs
from rotators.core.journal import JournalPhase
from rotators.core.journalled_run import Outcome
from rotators.core.model import RotationPlan
from tests.rotators.faults import OWN_IDENTITY, Proxy, killed_at
from tests.rotators.world import Aws, Operator, policy

Keys = tuple[str, str, str | None]

SESSION_SECONDS = 36 * 3600

CALLS = (
    b"Action=UpdateAccessKey",
    b"Action=PutUserPolicy",
    b"Action=DeleteUserPolicy",
    b"Action=AttachUserPolicy",
    b"Action=DetachUserPolicy",
    b"Action=CreateAccessKey",
    b"Action=DeleteAccessKey",
    b"Action=ListAccessKeys",
    b"Action=ListUserPolicies",
    b"Action=GetCallerIdentity",
    OWN_IDENTITY,
    b"PutSecretValue",
    b"UpdateSecretVersionStage",
    b"GetSecretValue",
)
KINDS = ("fail", "lose", "lose-before", "damage", "refuse", "unknown")
CHANGES = ("key", "used key", "stored key", "policy", "revocation", "quarantine", "secret")

QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"


@lru_cache(maxsize=128)
def _make_client(service: str, url: str, keys: Keys) -> Any:
    token = Secret(keys[2].encode()) if keys[2] else None
    return aws_clients.make_client(service, {"endpoint": url}, keys=(keys[0], Secret(keys[1].encode()), token))


class Observed:
    """One story: a leaked key, faults, foreign changes, and whatever the operator tries next; all from one seed."""

    def __init__(self, aws: Aws, url: str, proxy: Proxy, folder: pathlib.Path, seed: int) -> None:
        self.dice, self.aws, self.url, self.proxy = random.Random(seed), aws, url, proxy
        self.foreign_keys: set[str] = set()
        self.foreign_policies = {"app"}
        self.edited = False
        self.said: list[str] = []
        leak = aws.plant()
        self.iam = aws.client("iam")
        self.put_policy("app", "Allow")
        self.session = self.open_session()
        proxy.trail, proxy.last_used = [], {aws.old[0]: "2026-01-01T00:00:00Z"}
        self.old: Keys = (*aws.old, None)
        if self.dice.random() < 0.2:
            leak = leak._replace(parts={})
        settings = {
            "endpoint": url,
            "region": "us-east-1",
            "deny_all": self.dice.random() < 0.3,
            "prove_by_use": self.dice.random() < 0.8,
        }
        order = self.dice.choice(["contain-first", "contain-first", "reissue-first"])
        places = {"prod": ("aws-secrets-manager", {"endpoint": url, "secret": aws.secret})}
        rules = policy("aws-iam", settings, places, order=order)
        self.operator = Operator(str(folder), rules, leak)
        self.operator.time.ahead = self.dice.choice([0, 0, -600, 600, 86400])
        self.start = self.operator.time.ahead

    # -- the world ---------------------------------------------------------------

    def put_policy(self, name: str, effect: str) -> None:
        condition = {"Condition": {"DateLessThan": {"aws:TokenIssueTime": "2000-01-01T00:00:00Z"}}}
        statement = {"Effect": effect, "Action": "*", "Resource": "*", **(condition if effect == "Deny" else {})}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName=self.aws.user, PolicyName=name, PolicyDocument=document)

    def open_session(self) -> Keys:
        given = self.aws.client("sts", self.aws.old).get_session_token()["Credentials"]
        return (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def change(self) -> None:
        """Let somebody else change something."""
        kind = self.dice.choice(CHANGES)
        if kind.endswith("key") and len(self.aws.keys()) < 2:
            key = self.iam.create_access_key(UserName=self.aws.user)["AccessKey"]
            pair = (key["AccessKeyId"], key["SecretAccessKey"])
            self.foreign_keys.add(pair[0])
            event = {"userAgent": "aws-cli/2", "responseElements": {"accessKey": {"accessKeyId": pair[0]}}}
            assert self.proxy.trail is not None and self.proxy.last_used is not None
            self.proxy.trail.append({"CloudTrailEvent": json.dumps(event)})
            if kind == "used key":
                self.proxy.last_used[pair[0]] = "2026-12-01T00:00:00Z"
            if kind == "stored key":
                self.store({"access_key_id": pair[0], "secret_access_key": pair[1]})
        elif kind in ("policy", "revocation"):
            name = {"policy": "theirs", "revocation": "AWSRevokeOlderSessions"}[kind]
            self.put_policy(name, "Deny")
            self.foreign_policies.add(name)
        elif kind == "quarantine" and QUARANTINE not in self.policies() and not self.is_quarantine_unknown():
            self.iam.attach_user_policy(UserName=self.aws.user, PolicyArn=QUARANTINE)
            self.foreign_policies.add(QUARANTINE)
        elif kind == "secret":
            self.store({"host": "elsewhere.test"})

    def is_quarantine_unknown(self) -> bool:
        """Tell whether nobody can say if the run attached the quarantine: the answer was lost.

        Whoever attaches the same policy then cannot be told from the run, whose undo detaches it.
        """
        steps = [entry for entry in self.operator.journal.entries() if entry.step.endswith(":quarantine")]
        return bool(steps) and steps[-1].phase in (JournalPhase.INTEND, JournalPhase.FAILED, JournalPhase.NOTE)

    def store(self, fields: dict[str, str]) -> None:
        self.edited = True
        manager = self.aws.client("secretsmanager")
        manager.put_secret_value(SecretId=self.aws.secret, SecretString=json.dumps({**self.aws.stored(), **fields}))

    def policies(self) -> set[str]:
        inline = self.iam.list_user_policies(UserName=self.aws.user)["PolicyNames"]
        attached = self.iam.list_attached_user_policies(UserName=self.aws.user)["AttachedPolicies"]
        return {*inline, *(one["PolicyArn"] for one in attached)}

    def may(self, keys: Keys, service: str = "sts", call: str = "get_caller_identity") -> bool:
        """Tell whether *keys* may make a call, asked by a client of our own."""
        client = _make_client(service, self.aws.url, keys)
        try:
            getattr(client, call)()
        except ClientError:
            return False
        return True

    # -- the story ---------------------------------------------------------------

    def play(self) -> None:
        """Play the story to its end, and compare everything that is said with the world."""
        try:
            plan = self.operator.approved()
        except LeakfirstError:
            return
        for number in range(self.dice.randint(2, 6)):
            self.prepare_faults(calm=number == 0 and self.dice.random() < 0.2)
            self.attempt(
                plan,
                self.dice.choice(["apply", "resume", "resume", "contain", "undo"] if number else ["apply", "contain"]),
            )
            self.operator.time.ahead += self.dice.choice([0, 30, 400, 4000])
        self.proxy.faults.clear()
        last = self.dice.choice(["resume", "resume", "undo"])
        for _ in range(25):
            outcome = self.attempt(plan, last, person_done=self.dice.random() < 0.3)
            if outcome is not None and outcome.state in ("finished", "ended", "rolled-back"):
                return
            self.operator.time.ahead += 40000

    def prepare_faults(self, *, calm: bool) -> None:
        self.proxy.faults.clear()
        if calm:
            return
        for _ in range(self.dice.randint(0, 3)):
            self.proxy.inject(self.dice.choice(CALLS), self.dice.choice(KINDS), self.dice.choice([1, 2, 5, 40]))
        if self.dice.random() < 0.4:
            self.proxy.inject(self.dice.choice(CALLS), "then", 1, after=self.change)
        elif self.dice.random() < 0.2:
            self.change()

    def attempt(self, plan: RotationPlan, verb: str, *, person_done: bool = False) -> Outcome | None:
        """Let the operator try *verb*, perhaps in a process that is killed; check what it says."""
        options = {"person_done": True} if person_done and verb == "resume" else {}
        act: Callable[[], Outcome] = lambda: getattr(self.operator.run(plan), verb)(**options)  # noqa: E731
        if self.dice.random() < 0.3:
            known = self.aws.keys().keys()
            killed_at(self.dice.randint(0, 24), act)
            assert known - self.aws.keys().keys() <= {self.aws.old[0]} | self.ours(), "a key of somebody is gone"
            self.check_world(plan)
            return None
        try:
            outcome = act()
        except LeakfirstError as error:
            self.said.append(f"{verb}: {error}")
            outcome = None
        else:
            self.said.append(f"{verb}: {outcome.state} {outcome.step} {outcome.why} {outcome.failed}")
            self.check(plan, verb, outcome)
        self.check_world(plan)
        return outcome

    # -- what is compared ---------------------------------------------------------

    def ours(self) -> set[str]:
        """Return the keys that the run made, by the trail."""
        events = [json.loads(entry["CloudTrailEvent"]) for entry in self.proxy.trail or ()]
        mine = [event for event in events if "leakfirst/" in event["userAgent"]]
        return {event["responseElements"]["accessKey"]["accessKeyId"] for event in mine}

    def check_world(self, plan: RotationPlan) -> None:
        """Whatever happens: nothing of others is touched, the log holds and has no value, proven words are true."""
        keys = self.aws.keys()
        for key in self.foreign_keys:
            assert keys.get(key) == "Active", f"somebody's key is {keys.get(key)}"
        assert self.foreign_policies <= self.policies(), "somebody's policy is gone"
        assert self.operator.journal.check() == []
        log = pathlib.Path(self.operator.journal.path).read_text() if self.operator.journal.entries() else ""
        stored = self.aws.stored()["secret_access_key"]
        for text in (log, *self.said):
            assert stored not in text and self.aws.old[1] not in text, "a value is shown"
        progress = runs.read_progress(self.operator.journal.entries(plan.id))
        proven = endings.list_proven(plan, progress)
        if "contained" in proven and progress.outcome != "rolled-back":
            assert not self.may(self.old), "'contained', and the leaked key works"
        if "replaced" in proven and not self.edited:
            assert self.may(self.stored_keys()), "'replaced', and what the consumers read does not work"

    def check(self, plan: RotationPlan, verb: str, outcome: Outcome) -> None:
        ours = {name for name in self.policies() if name not in self.foreign_policies}
        if verb == "contain" and outcome.state == "waiting" and plan.order == "contain-first":
            assert not self.may(self.old), "containing is done, and the leaked key works"
        if outcome.state == "finished":
            assert not self.may(self.old), "'finished', and the leaked key works"
            if self.operator.time.ahead - self.start < SESSION_SECONDS:
                assert not self.may(self.session, "iam", "list_users"), "'finished', and a session of it works"
            assert ours <= {
                name for name in ours if name in json.dumps(self.operator.steps(plan)) or name in self.log()
            }
            assert not {name for name in ours if "DenyAll" in name or name == QUARANTINE}, "the new key is hindered"
            assert self.may(self.stored_keys(), "iam", "list_users"), "'finished', and the new key cannot work"
            assert self.aws.old[0] not in set(self.aws.keys())
        if outcome.state == "ended" and "value closed" in outcome.why:
            assert not self.may(self.old), "'value closed', and the leaked key works"
        if outcome.state == "rolled-back":
            assert self.may(self.old), "'rolled-back', and the old key does not work"
            assert not ours, f"'rolled-back', and {ours} is left"
            assert not self.ours() & self.aws.keys().keys(), "'rolled-back', and a key of ours is left"
            if not self.edited:
                assert self.stored_keys() == self.old

    def stored_keys(self) -> Keys:
        stored = self.aws.stored()
        return (stored["access_key_id"], stored["secret_access_key"], None)

    def operator_steps(self) -> list[str]:
        return [f"{e.step} {e.phase} {dict(e.facts)}" for e in self.operator.journal.entries()]

    def log(self) -> str:
        return pathlib.Path(self.operator.journal.path).read_text()
