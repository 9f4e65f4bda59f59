"""What hinders the new key of a user: asked of IAM before anything is given to consumers."""

from __future__ import annotations

import json
import pathlib

import pytest

from rotators.core import aws_users
from rotators.core.model import Clock, UnexpectedState
from tests.rotators.world import Aws, Operator, policy

pytestmark = pytest.mark.net

QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"


def make_operator(aws: Aws, folder: pathlib.Path, order: str, **settings: object) -> Operator:
    places = {"prod": ("aws-secrets-manager", {"endpoint": aws.url, "secret": aws.secret})}
    rules = policy("aws-iam", aws.settings(prove_by_use=False, **settings), places, order=order)
    return Operator(str(folder), rules, aws.plant())


def put_policy(aws: Aws, name: str, effect: str, *actions: str) -> None:
    statement = {"Effect": effect, "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("iam").put_user_policy(UserName=aws.user, PolicyName=name, PolicyDocument=document)


@pytest.mark.parametrize("order", ["reissue-first", "contain-first"])
def test_under_a_quarantine_of_aws_no_key_is_made(aws: Aws, tmp_path: pathlib.Path, order: str) -> None:
    operator = make_operator(aws, tmp_path, order)
    aws.client("iam").attach_user_policy(UserName=aws.user, PolicyArn=QUARANTINE)
    plan = operator.approved()
    with pytest.raises(UnexpectedState, match="settle that with AWS"):
        operator.run(plan).apply()
    assert aws.keys() == {aws.old[0]: "Active" if order == "reissue-first" else "Inactive"}
    aws.client("iam").detach_user_policy(UserName=aws.user, PolicyArn=QUARANTINE)
    assert operator.run(plan).resume().state == "waiting"


def test_a_measure_that_somebody_put_back_keeps_the_key_from_the_consumers(aws: Aws, tmp_path: pathlib.Path) -> None:
    operator = make_operator(aws, tmp_path, "contain-first", deny_all=True)
    plan = operator.approved()
    run = operator.run(plan)
    ours = f"leakfirst-{plan.id[:12]}-DenyAll"
    lift = run._rotator.lift

    def lift_and_return(measure: str) -> None:
        lift(measure)
        if measure == "deny-all":
            put_policy(aws, ours, "Deny", "*")

    run._rotator.lift = lift_and_return  # type: ignore[method-assign]
    with pytest.raises(UnexpectedState, match=f"does not work: {ours} on {aws.user} hinders the new key"):
        run.apply()
    assert aws.stored()["access_key_id"] == aws.old[0]
    aws.client("iam").delete_user_policy(UserName=aws.user, PolicyName=ours)
    assert operator.run(plan).resume().state == "waiting"


def test_what_the_user_may_no_longer_do_stops_before_the_consumers_get_the_key(
    ministack_url: str, tmp_path: pathlib.Path
) -> None:
    aws = Aws(ministack_url)
    operator = make_operator(
        aws, tmp_path, "reissue-first", actions=["s3:GetObject", "sqs:SendMessage", "ec2:RunInstances"]
    )
    put_policy(aws, "app", "Allow", "s3:*", "sqs:*")
    plan = operator.approved()
    assert plan.preconditions["provider.allowed"] == "s3:GetObject sqs:SendMessage"
    run = operator.run(plan)
    create = run._rotator.create

    def create_while_somebody_denies(values: object) -> object:
        put_policy(aws, "theirs", "Deny", "sqs:*")
        return create(values)  # type: ignore[arg-type]

    run._rotator.create = create_while_somebody_denies  # type: ignore[method-assign,assignment]
    with pytest.raises(UnexpectedState, match="the user may no longer sqs:SendMessage"):
        run.apply()
    assert aws.stored()["access_key_id"] == aws.old[0]
    assert operator.run(plan).undo().state == "rolled-back"


def test_reading_back_is_patient_and_then_says_what_is_not_so() -> None:
    waited: list[float] = []
    clock = Clock(lambda: 0.0, waited.append)
    answers = iter([False, False, True])
    aws_users.require(clock, lambda: next(answers), "it is not so")
    assert waited == [1, 2]
    with pytest.raises(UnexpectedState, match="it is not so"):
        aws_users.require(clock, lambda: False, "it is not so")
