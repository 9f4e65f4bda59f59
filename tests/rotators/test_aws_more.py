"""The other AWS credentials: sessions, SMTP passwords, RDS, secrets that rotate themselves, keys by age."""

from __future__ import annotations

import json
import pathlib

import pytest

from detector.secret import Secret
from rotators import aws_iam
from rotators.core.model import Leak
from rotators.ses_smtp import smtp_password
from tests.rotators.world import Aws, Operator, policy

pytestmark = pytest.mark.net


def test_sessions_of_a_role_are_denied_and_the_deny_can_be_taken_back(
    ministack_url: str, tmp_path: pathlib.Path
) -> None:
    aws = Aws(ministack_url)
    iam, sts = aws.client("iam"), aws.client("sts")
    account = sts.get_caller_identity()["Account"]
    who = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    role = aws.user
    arn = iam.create_role(
        RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [who]})
    )["Role"]["Arn"]
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=json.dumps(allow))
    session = sts.assume_role(RoleArn=arn, RoleSessionName="leaked")["Credentials"]
    parts = {
        "secret_access_key": Secret(session["SecretAccessKey"].encode()),
        "session_token": Secret(session["SessionToken"].encode()),
    }
    leak = Leak("aws.temporary-key", "lf1:s", Secret(session["AccessKeyId"].encode()), parts)
    operator = Operator(str(tmp_path), policy("aws-sts", aws.settings()), leak)
    operator.time.ahead = 5
    plan = operator.approved()
    assert dict(plan.facts)["principal"] == f"role {role}"
    iam.put_role_policy(RoleName=role, PolicyName="AWSRevokeOlderSessions", PolicyDocument=json.dumps(allow))
    theirs = {"all", "AWSRevokeOlderSessions"}
    assert operator.run(plan).apply().state == "waiting", "the deny stays as long as a session can"
    ours = f"leakfirst-{plan.id[:12]}-Sessions"
    assert set(iam.list_role_policies(RoleName=role)["PolicyNames"]) == {*theirs, ours}
    proof = next(e.facts for e in operator.journal.entries(plan.id) if e.step == "prove-dead")
    assert proof["result"] == "dead" and "which it was allowed before" in proof["why"]
    assert operator.run(plan).undo().state == "rolled-back"
    assert set(iam.list_role_policies(RoleName=role)["PolicyNames"]) == theirs
    other = operator.approved()
    assert operator.finish(other).state == "finished"
    assert set(iam.list_role_policies(RoleName=role)["PolicyNames"]) == theirs


def test_an_smtp_password_is_made_anew_with_its_key(aws: Aws, tmp_path: pathlib.Path) -> None:
    leak = aws.plant()
    settings = aws.settings(end_sessions=False, prove_by_use=False, smtp_region="eu-west-1")
    env = tmp_path / ".env"
    env.write_text("SMTP_USER=old\nSMTP_PASSWORD=old\n")
    names = {"access_key_id": "SMTP_USER", "smtp_password": "SMTP_PASSWORD", "secret_access_key": "KEY"}
    places = {"env": ("env-file", {"path": str(env), "fields": names})}
    operator = Operator(str(tmp_path / "state"), policy("ses-smtp", settings, places), leak)
    assert operator.finish(operator.approved(rotator_name="ses-smtp")).state == "finished"
    found = dict(line.split("=", 1) for line in env.read_text().splitlines())
    (new,) = aws.keys()
    assert found["SMTP_USER"] == new
    assert smtp_password(Secret(found["KEY"].encode()), "eu-west-1").reveal().decode() == found["SMTP_PASSWORD"]


def test_an_rds_master_password_is_stored_first_and_then_set(aws: Aws, tmp_path: pathlib.Path) -> None:
    name = aws.user
    aws.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        MasterUsername="admin1",
        MasterUserPassword="canary-before",
        AllocatedStorage=10,
    )
    sm = aws.client("secretsmanager")
    sm.create_secret(Name=aws.secret, SecretString=json.dumps({"username": "admin1", "password": "canary-before"}))
    places = {"sm": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    leak = Leak("aws.rds-master-password", "lf1:r", Secret(b"canary-before"))
    operator = Operator(str(tmp_path), policy("rds-master", aws.settings(instance=name), places), leak)
    plan = operator.approved()
    kinds = [step.kind for step in plan.steps]
    assert kinds.index("store") < kinds.index("mint")
    assert operator.finish(plan).state == "ended", "no connection was tried with the new password"
    assert aws.stored()["password"] not in ("canary-before", "")


def test_keys_are_found_by_age(aws: Aws) -> None:
    import time

    aws.plant()
    young = {leak.secret.reveal().decode() for leak in aws_iam.inventory(aws.settings(), time.time() - 86400)}
    every = {leak.secret.reveal().decode() for leak in aws_iam.inventory(aws.settings(), time.time() + 86400)}
    assert aws.old[0] not in young
    assert aws.old[0] in every


def test_a_key_is_replaced_for_its_age_without_its_secret(aws: Aws, tmp_path: pathlib.Path) -> None:
    aws.plant()
    leak = Leak("aws.access-key", f"age:{aws.old[0]}", Secret(aws.old[0].encode()))
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    operator = Operator(str(tmp_path), policy("aws-iam", aws.settings(end_sessions=False), places), leak)
    assert operator.finish(operator.approved()).state == "finished"
    assert list(aws.keys()) == [aws.stored()["access_key_id"]]


def test_a_stored_value_that_does_not_work_is_reconciled(aws: Aws, tmp_path: pathlib.Path) -> None:
    leak = aws.plant()
    broken = json.dumps({"access_key_id": "AKIA" + "B" * 16, "secret_access_key": "broken", "host": "db"})
    aws.client("secretsmanager").put_secret_value(SecretId=aws.secret, SecretString=broken)
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    operator = Operator(str(tmp_path), policy("aws-iam", aws.settings(end_sessions=False), places), leak)
    plan = operator.approved(order="reconcile")
    assert {"disable", "delete"}.isdisjoint(step.kind for step in plan.steps)
    assert operator.finish(plan).state == "finished"
    assert aws.keys()[aws.stored()["access_key_id"]] == "Active"
    assert aws.keys()[aws.old[0]] == "Active"


def test_a_secret_that_rotates_itself_is_asked_to_and_proven_by_its_new_value(aws: Aws, tmp_path: pathlib.Path) -> None:
    sm = aws.client("secretsmanager")
    sm.create_secret(Name=aws.secret, SecretString=json.dumps({"password": "canary-before"}))
    sm.rotate_secret(SecretId=aws.secret, RotationRules={"AutomaticallyAfterDays": 30})
    sm.put_secret_value(SecretId=aws.secret, SecretString=json.dumps({"password": "canary-before"}))
    leak = Leak("aws.secret-value", "lf1:v", Secret(b"canary-before"))
    operator = Operator(str(tmp_path), policy("aws-rotate-secret", aws.settings(secret=aws.secret)), leak)
    plan = operator.approved(rotator_name="aws-rotate-secret")
    before = sm.describe_secret(SecretId=aws.secret)["VersionIdsToStages"]

    made: list[str] = []

    def rotate(seconds: float) -> None:
        """Do what the secret's own function would, while the run waits."""
        if not made:
            made.append("canary-after")
            sm.put_secret_value(SecretId=aws.secret, SecretString=json.dumps({"password": made[0]}))

    operator.time.sleep = rotate  # type: ignore[method-assign]
    outcome = operator.finish(plan)
    assert outcome.state == "finished"
    stages = sm.describe_secret(SecretId=aws.secret)["VersionIdsToStages"]
    assert {name for name, labels in stages.items() if "AWSCURRENT" in labels}.isdisjoint(before)
    assert [e.facts["result"] for e in operator.journal.entries(plan.id) if e.step == "prove-dead"] == ["dead"]
