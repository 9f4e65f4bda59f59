"""What the policy does not allow, and what fails, is held for a person, one credential at a time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from leakfirst._program import main
from tests.detector.incident.aws import ALLOWED, ASK, AUTO, KINDS, Operator
from tests.rotators.world import Aws

pytestmark = pytest.mark.net


@pytest.mark.parametrize(
    ("policy", "kind", "why"),
    [
        ("", "approve", "its plan needs an approval (the policy requires approval)"),
        (ALLOWED + '[[rotate]]\nrules = ["aws.*"]\ndecide = "ask"\n', "approve", "its plan needs an approval"),
        (ALLOWED + '[[rotate]]\nrules = ["aws.*"]\ndecide = "never"\n', "stopped", "the policy says never"),
        (AUTO, "stopped", "not on the policy's list of allowed accounts"),
        (ALLOWED + AUTO + '[limits]\nstop_file = "/"\n', "stopped", "nothing acts until it is removed"),
        (ALLOWED + AUTO + "[limits]\nacts_per_hour = 0\n", "stopped", "in one hour is the cap"),
    ],
)
def test_what_the_policy_does_not_allow_is_held(
    policy: str, kind: str, why: str, accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not policy:
        policy = '[accounts]\nallow = ["*"]\n'
    operator = Operator(tmp_path, accounts, policy, capsys)
    incident = operator("open", str(operator.leaked))
    assert operator.code == 4 and incident["counts"]["live"] == 2
    for one in incident["credentials"]:
        assert one["hold"]["kind"] == kind and why in one["hold"]["why"]
    assert all(task["why"].startswith("STILL LIVE: ") for task in incident["tasks"])
    for account in accounts:
        assert account.keys() == {account.old[0]: "Active"}


def test_the_next_run_applies_a_changed_policy(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(tmp_path, accounts, AUTO, capsys)
    operator("open", str(operator.leaked))
    operator.policy(ALLOWED + AUTO + KINDS.format(url=accounts[0].url))
    incident = operator("next")
    assert incident["counts"]["contained"] == 2
    for account in accounts:
        assert account.keys() == {account.old[0]: "Inactive"}
    assert {one["hold"]["kind"] for one in incident["credentials"]} == {"by-hand"}, (
        "the policy does not allow reissuing"
    )


def test_a_failure_for_one_credential_stops_no_other(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rotators import aws_iam

    good = aws_iam.Rotator.take
    broken = accounts[0].old[0]

    def take(self: aws_iam.Rotator, measure: str) -> Any:
        if self._id == broken:
            raise ValueError(f"a library quotes {accounts[0].old[1]}")
        return good(self, measure)

    monkeypatch.setattr(aws_iam.Rotator, "take", take)
    operator = Operator(tmp_path, accounts, ALLOWED + AUTO, capsys)
    incident = operator("open", str(operator.leaked))
    assert [account.keys()[account.old[0]] for account in accounts] == ["Active", "Inactive"]
    (held,) = [one["hold"] for one in incident["credentials"] if one["hold"]["kind"] == "stopped"]
    assert accounts[0].old[1] not in json.dumps(incident) and "ValueError" in held["why"]
    monkeypatch.setattr(aws_iam.Rotator, "take", good)
    assert operator("run", "contain")["counts"]["contained"] == 2


def test_without_the_value_a_person_revokes_it_by_name(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(tmp_path, accounts, AUTO, capsys)
    operator("open", str(operator.leaked))
    operator.leaked.unlink()
    incident = operator("next")
    assert {one["hold"]["kind"] for one in incident["credentials"]} == {"gone"}
    assert incident["counts"]["live"] == 2


def test_an_expired_plan_is_made_again_and_must_be_read_again(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asks = (
        ALLOWED
        + '[[rotate]]\nrules = ["aws.*"]\norder = "contain-first"\nmay = ["disable"]\n[limits]\nplan_expires = "1s"\n'
    )
    operator = Operator(tmp_path, accounts, asks, capsys)
    incident = operator("open", str(operator.leaked))
    time.sleep(1.1)
    (one, other) = incident["credentials"]
    files = operator.files
    assert main(["respond", "approve", incident["incident"], one["plan"], "--digest", one["digest"], *files]) == 4
    assert "made again" in capsys.readouterr().err
    assert {account.keys()[account.old[0]] for account in accounts} == {"Active"}
    assert main(["respond", "approve", incident["incident"], other["fingerprint"], *files]) == 4
    assert other["digest"][:16] not in capsys.readouterr().out, "the new plan is shown"
    fresh = {row["fingerprint"]: row for row in operator("status")["credentials"]}
    assert all(fresh[row["fingerprint"]]["plan"] != row["plan"] for row in (one, other))


def test_a_single_step_uses_the_verdicts_of_the_step_before(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(tmp_path, accounts, ALLOWED + AUTO.replace("decide", 'verdicts = ["live"]\ndecide'), capsys)
    operator("open", "--only-open", str(operator.leaked))
    for step in ("detect", "verify", "contain"):
        incident = operator("run", step)
    assert incident["counts"]["contained"] == 2, "the policy says so of what is live"


def test_a_plan_without_approval_is_made_again_on_another_machine(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(tmp_path, accounts, ALLOWED + ASK, capsys)
    incident = operator("open", str(operator.leaked))
    there = ["--rotations", str(tmp_path / "elsewhere")]
    fresh = operator("next", *there)
    assert {one["plan"] for one in fresh["credentials"]}.isdisjoint(one["plan"] for one in incident["credentials"])
    one, _ = fresh["credentials"]
    incident = operator("approve", incident["incident"], one["plan"], "--digest", one["digest"], *there)
    assert incident["counts"]["contained"] == 1


def test_a_started_rotation_continues_only_where_it_was_started(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rotators import aws_iam

    def take(self: aws_iam.Rotator, measure: str) -> Any:
        raise ValueError

    operator = Operator(tmp_path, accounts, ALLOWED + AUTO, capsys)
    with monkeypatch.context() as broken:
        broken.setattr(aws_iam.Rotator, "take", take)
        before = operator("open", str(operator.leaked))
    incident = operator("next", "--rotations", str(tmp_path / "elsewhere"))
    assert all("started on another machine" in one["hold"]["why"] for one in incident["credentials"])
    assert {one["plan"] for one in incident["credentials"]} == {one["plan"] for one in before["credentials"]}
    incident = operator("next")
    assert incident["counts"]["contained"] == 2
    held = [one["hold"] for one in incident["credentials"]]
    incident = operator("next", "--rotations", str(tmp_path / "elsewhere"))
    assert [one["hold"] for one in incident["credentials"]] == held, "another machine does not change a hold"


def test_another_machine_does_not_change_what_waits_for_an_approval(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(
        tmp_path, accounts, ALLOWED + AUTO.replace('"disable"]', '"disable", "delete"]\ngrace = 0'), capsys
    )
    operator("open", str(operator.leaked))
    while (incident := operator("next"))["credentials"][0]["hold"].get("kind") == "by-hand":
        for one in incident["credentials"]:
            operator("approve", incident["incident"], one["fingerprint"], "--done")
    assert {one["hold"]["kind"] for one in incident["credentials"]} == {"final"}
    assert operator("next", "--rotations", str(tmp_path / "elsewhere"))["credentials"] == incident["credentials"]


def test_an_approval_given_with_rotate_is_in_the_report(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(tmp_path, accounts, ALLOWED + ASK, capsys)
    one, _ = operator("open", str(operator.leaked))["credentials"]
    words = ["rotate", "approve", one["plan"], "--digest", one["digest"], "--by", "grace", *operator.files[:2]]
    assert main(words) == 0
    assert operator("next")["counts"]["contained"] == 1
    capsys.readouterr()
    main(["respond", "report"])
    why = capsys.readouterr().out.partition("Decisions")[2].partition("##")[0]
    assert "`grace`" in why and f"`approved (all) plan {one['plan'][:12]}`" in why
