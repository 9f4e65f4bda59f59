"""Containing a key of AWS: the key stops working whatever else fails, and undo puts everything back.

The measures are journalled one by one, so each is killed, refused and undone here on its own.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from detector.errors import RotationError
from detector.secret import Secret
from rotators.core.model import Leak, UnexpectedState
from tests.rotators.faults import Proxy, killed_at, proxied
from tests.rotators.world import Aws, Operator, policy

pytestmark = pytest.mark.net

QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"


class Scene:
    """A leaked key whose user has a policy of its own, contained through a proxy that can fail."""

    def __init__(self, aws: Aws, url: str, proxy: Proxy, folder: pathlib.Path) -> None:
        self.aws, self.url, self.proxy, self.folder = aws, url, proxy, folder
        self.leak = aws.plant()
        self.iam = aws.client("iam")
        self.put("app")
        self.operator = self.make_operator(self.leak)

    def put(self, name: str) -> None:
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        self.iam.put_user_policy(UserName=self.aws.user, PolicyName=name, PolicyDocument=json.dumps(document))

    def make_operator(self, leak: Leak, *, reissue: bool = False, **clause: Any) -> Operator:
        settings = {"endpoint": self.url, "region": "us-east-1", "prove_by_use": False, "deny_all": True}
        places = {"prod": ("aws-secrets-manager", {"endpoint": self.url, "secret": self.aws.secret})}
        rules = policy("aws-iam", settings, places if reissue else {}, order="contain-first", **clause)
        return Operator(str(self.folder / "state"), rules, leak)

    def policies(self) -> set[str]:
        """Return what is on the user besides its own policy."""
        inline = self.iam.list_user_policies(UserName=self.aws.user)["PolicyNames"]
        attached = self.iam.list_attached_user_policies(UserName=self.aws.user)["AttachedPolicies"]
        return {*inline, *(one["PolicyArn"] for one in attached)} - {"app"}

    def status(self) -> str:
        return self.aws.keys()[self.aws.old[0]]


@pytest.fixture
def scene(aws: Aws, tmp_path: pathlib.Path) -> Iterator[Scene]:
    with proxied(aws.url) as (url, proxy):
        yield Scene(aws, url, proxy, tmp_path)


COURTESIES = {
    "sessions": b"leakfirst-",
    "everything": b"DenyAll",
    "quarantine": b"AttachUserPolicy",
    "reading back": b"ListAttachedUserPolicies",
}


@pytest.mark.parametrize("call", COURTESIES.values(), ids=COURTESIES)
def test_a_refused_courtesy_leaves_the_key_off_and_is_told(scene: Scene, call: bytes) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(call, "fail", 1000)
    outcome = scene.operator.run(plan).contain()
    assert scene.status() == "Inactive"
    assert outcome.state == "needs-person" and "AccessDenied" in outcome.failed[0]
    assert f"now: {scene.aws.old[0]} is Inactive" in outcome.why
    scene.proxy.faults.clear()
    assert not scene.operator.run(plan).contain().failed, "the next call tries again"
    assert len(scene.policies()) == 3
    assert scene.operator.run(plan).undo().state == "rolled-back"
    assert (scene.status(), scene.policies()) == ("Active", set())


def test_without_the_right_to_deactivate_the_rest_is_done_and_the_state_is_told(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"UpdateAccessKey", "fail", 1000)
    with pytest.raises(RotationError, match=f"still open: .*now: {scene.aws.old[0]} is Active"):
        scene.operator.run(plan).contain()
    assert len(scene.policies()) == 3
    scene.proxy.faults.clear()
    scene.operator.run(plan).contain()
    assert scene.status() == "Inactive"


def test_a_key_made_after_the_plan_does_not_stop_containing_and_is_named(scene: Scene) -> None:
    operator = scene.make_operator(scene.leak, reissue=True)
    plan = operator.approved()
    other = scene.iam.create_access_key(UserName=scene.aws.user)["AccessKey"]["AccessKeyId"]
    outcome = operator.run(plan).apply()
    assert scene.status() == "Inactive"
    assert (outcome.state, outcome.step) == ("needs-person", "mint")
    assert "provider.keys" in outcome.why and f"{other} is Active" in outcome.why
    with pytest.raises(UnexpectedState, match=f"{other} .* is not ours to delete"):
        operator.run(plan).resume(person_done=True)
    assert scene.aws.keys() == {scene.aws.old[0]: "Inactive", other: "Active"}


def test_a_credential_of_another_user_is_not_contained(scene: Scene) -> None:
    operator = scene.make_operator(scene.leak)
    plan = operator.plan()
    plan = plan._replace(preconditions={**plan.preconditions, "provider.user": "somebody"})
    operator.approve(plan)
    with pytest.raises(RotationError, match="somebody"):
        operator.run(plan).apply()
    assert scene.status() == "Active"


CONTAIN_LINES = 1 + 4 * 2
"""Journal lines of containing: the beginning, and two for each measure."""


@pytest.mark.slow
@pytest.mark.parametrize("boundary", range(1, 2 * CONTAIN_LINES + 1))
def test_killed_anywhere_while_containing_it_is_undone(scene: Scene, boundary: int) -> None:
    plan = scene.operator.approved()
    assert killed_at(boundary, lambda: scene.operator.run(plan).contain()) == (boundary < 2 * CONTAIN_LINES)
    assert scene.operator.run(plan).undo().state == "rolled-back"
    assert (scene.status(), scene.policies()) == ("Active", set())
    assert scene.operator.journal.check() == []


def test_an_undo_that_may_not_remove_one_policy_removes_the_others_and_stays_open(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.operator.run(plan).contain()
    scene.proxy.inject(b"DetachUserPolicy", "fail", 1000)
    with pytest.raises(RotationError, match=f"not everything is taken back: .*now: .*{QUARANTINE}"):
        scene.operator.run(plan).undo()
    assert (scene.status(), scene.policies()) == ("Active", {QUARANTINE})
    scene.proxy.faults.clear()
    assert scene.operator.run(plan).undo().state == "rolled-back"
    assert scene.policies() == set()


def test_an_undo_that_has_no_effect_is_noticed_by_reading_back(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.operator.run(plan).contain()
    name = f"leakfirst-{plan.id[:12]}-Sessions"
    scene.proxy.inject(b"Action=DeleteUserPolicy", "then", 1, after=lambda: scene.put(name))
    scene.proxy.inject(b"Action=DeleteUserPolicy", "then", 1, after=lambda: scene.put(name))
    with pytest.raises(RotationError, match=f"{name} is still there"):
        scene.operator.run(plan).undo()


def test_what_others_put_on_the_user_stays(scene: Scene) -> None:
    scene.iam.attach_user_policy(UserName=scene.aws.user, PolicyArn=QUARANTINE)
    scene.put("AWSRevokeOlderSessions")
    theirs = {QUARANTINE, "AWSRevokeOlderSessions"}
    plan = scene.operator.approved()
    scene.operator.run(plan).contain()
    assert len(scene.policies() - theirs) == 2
    assert scene.operator.run(plan).undo().state == "rolled-back"
    assert scene.policies() == theirs
    plan = scene.operator.approved()
    scene.operator.finish(plan)
    scene.operator.run(plan).resume(person_done=True)
    assert scene.policies() >= theirs


def test_two_runs_on_one_user_do_not_share_a_policy(scene: Scene) -> None:
    key = scene.iam.create_access_key(UserName=scene.aws.user)["AccessKey"]
    parts = {"secret_access_key": Secret(key["SecretAccessKey"].encode())}
    second = Leak("aws.access-key", "lf1:second", Secret(key["AccessKeyId"].encode()), parts, verdict="live")
    other = scene.make_operator(second)
    plans = scene.operator.approved(), other.approved()
    scene.operator.run(plans[0]).contain()
    other.run(plans[1]).contain()
    scene.operator.run(plans[0]).undo()
    names = {name for name in scene.policies() if name.startswith("leakfirst-")}
    assert names == {f"leakfirst-{plans[1].id[:12]}-{what}" for what in ("Sessions", "DenyAll")}


def test_a_person_may_go_on_without_a_courtesy(scene: Scene) -> None:
    operator = scene.make_operator(scene.leak, reissue=True)
    plan = operator.approved()
    scene.proxy.inject(b"AttachUserPolicy", "fail", 1000)
    assert operator.finish(plan).failed
    assert set(scene.aws.keys()) == {scene.aws.old[0]}, "nothing is made before a person has seen it"
    assert operator.run(plan).resume(person_done=True).state == "waiting"
    assert operator.finish(plan).state == "finished"
    assert scene.policies() == set()


@pytest.mark.parametrize("kind", ["lose", "damage"])
def test_lost_answers_while_containing(scene: Scene, kind: str) -> None:
    plan = scene.operator.approved()
    for call in (b"UpdateAccessKey", b"Action=PutUserPolicy", b"AttachUserPolicy"):
        scene.proxy.inject(call, kind, 20)
    with pytest.raises(RotationError, match="may have acted"):
        scene.operator.run(plan).contain()
    assert scene.status() == "Inactive"
    scene.proxy.faults.clear()
    assert not scene.operator.run(plan).contain().failed
    assert scene.operator.run(plan).undo().state == "rolled-back"
    assert (scene.status(), scene.policies()) == ("Active", set())
