"""IAM user keys against moto, which models the two-key quota and last use."""

from __future__ import annotations

import os

import pytest

from detector.errors import RotationError
from rotators.core.model import UnexpectedState
from tests.rotators.world import Aws, Operator, policy

pytestmark = pytest.mark.net


@pytest.fixture
def operator(aws: Aws, tmp_path: os.PathLike[str]) -> Operator:
    leak = aws.plant()
    settings = aws.settings(end_sessions=False, prove_by_use=False)
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    return Operator(str(tmp_path), policy("aws-iam", settings, places), leak)


def test_replaces_a_key_and_deletes_the_old_one_after_grace(aws: Aws, operator: Operator) -> None:
    plan = operator.approved()
    assert operator.finish(plan).state == "finished"
    (new,) = aws.keys()
    assert new != aws.old[0]
    stored = aws.stored()
    assert stored["access_key_id"] == new
    assert stored["host"] == "db.test"
    assert operator.journal.check() == []
    labels = aws.client("secretsmanager").describe_secret(SecretId=aws.secret)["VersionIdsToStages"].values()
    assert not any("AWSPENDING" in names for names in labels)


def test_shows_whose_key_it_is_before_anything_happens(aws: Aws, operator: Operator) -> None:
    plan = operator.plan()
    facts = dict(plan.facts)
    assert facts["principal"] == f"user {aws.user}"
    assert facts["account"] == "aws:123456789012"
    assert [step.kind for step in plan.steps] == [
        "mint", "store", "prove-new", "promote", "tidy",
        "disable", "prove-dead", "grace", "delete", "prove-gone",
    ]  # fmt: skip
    assert aws.keys() == {aws.old[0]: "Active"}


def test_undo_gives_the_consumer_its_old_key_back(aws: Aws, operator: Operator) -> None:
    plan = operator.approved()
    assert operator.run(plan).apply().state == "waiting"
    assert aws.keys()[aws.old[0]] == "Inactive"
    assert operator.run(plan).undo().state == "rolled-back"
    assert aws.keys() == {aws.old[0]: "Active"}
    assert aws.stored()["access_key_id"] == aws.old[0]
    assert operator.journal.check() == []


def test_nothing_is_undone_after_the_old_key_is_deleted(operator: Operator) -> None:
    plan = operator.approved()
    operator.finish(plan)
    with pytest.raises(RotationError, match="finished already"):
        operator.run(plan).undo()


def test_a_second_active_key_stops_before_anything_is_made(aws: Aws, operator: Operator) -> None:
    aws.client("iam").create_access_key(UserName=aws.user)
    plan = operator.approved()
    with pytest.raises(UnexpectedState, match="not ours to delete"):
        operator.run(plan).apply()
    assert len(aws.keys()) == 2
    assert set(aws.keys().values()) == {"Active"}


def test_a_key_made_after_the_plan_voids_it(aws: Aws, operator: Operator) -> None:
    plan = operator.approved()
    aws.client("iam").create_access_key(UserName=aws.user)
    with pytest.raises(UnexpectedState, match=r"provider\.keys"):
        operator.run(plan).apply()


def test_contain_first_quarantines_and_deactivates_first(aws: Aws, operator: Operator) -> None:
    plan = operator.approved(order="contain-first")
    assert plan.steps[0].kind == "contain"
    assert operator.finish(plan).state == "finished"
    attached = aws.client("iam").list_attached_user_policies(UserName=aws.user)["AttachedPolicies"]
    assert attached == [], "the quarantine would hinder the new key"


def test_the_leaked_key_is_never_the_operator(aws: Aws, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = operator.approved()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.old[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws.old[1])
    with pytest.raises(UnexpectedState, match="leaked key itself"):
        operator.run(plan).apply()
