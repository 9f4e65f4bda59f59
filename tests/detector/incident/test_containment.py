"""What the policy does not allow, and what fails, is held for a person, one credential at a time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from detector.incident.model import LineKind
from leakfirst._program import main
from rotators.core import executor
from tests.detector.incident.world import aws_users
from tests.rotators.world import Aws

pytestmark = pytest.mark.net

KINDS = """
[rotators.aws-iam]
endpoint = "{url}"
end_sessions = false
prove_by_use = false
"""
ALLOWED = '[accounts]\nallow = ["aws:*"]\n'
AUTO = '[[rotate]]\nrules = ["aws.*"]\ndecide = "auto"\norder = "contain-first"\nmay = ["disable"]\n'


@pytest.fixture
def accounts(moto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(executor, "PAUSE", 0.05)
    made = aws_users(moto_url, 2)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made[0].root[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made[0].root[1])
    return made


class Operator:
    """A leak of both keys under one policy."""

    def __init__(self, folder: Path, accounts: list[Aws], policy: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.leaked = folder / "leaked.js"
        self.leaked.write_text(
            "".join(f'const k{n} = {{ id: "{a.old[0]}", awsSecret: "{a.old[1]}" }};\n' for n, a in enumerate(accounts))
        )
        self.files = ["--policy", str(folder / "rotation.toml"), "--config", str(folder / "config.toml")]
        (folder / "config.toml").write_text(
            f'[verify]\nallow-internal = ["127.0.0.1"]\n[verify.host]\n"aws.*" = "{accounts[0].url}"\n'
        )
        self.policy(policy + KINDS.format(url=accounts[0].url))

    def policy(self, text: str) -> None:
        path = Path(self.files[1])
        path.touch(0o600)
        path.write_text(text)

    def __call__(self, *words: str) -> dict[str, Any]:
        self._capsys.readouterr()
        self.code = main(["respond", *words, "--json", *self.files])
        found: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return found


@pytest.mark.parametrize(
    ("policy", "kind", "why"),
    [
        ("", "approve", "its plan needs an approval (the policy asks)"),
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

    good = aws_iam.Rotator.contain
    broken = accounts[0].old[0]

    def contain(self: aws_iam.Rotator) -> Any:
        if self._id == broken:
            raise ValueError(f"a library quotes {accounts[0].old[1]}")
        return good(self)

    monkeypatch.setattr(aws_iam.Rotator, "contain", contain)
    operator = Operator(tmp_path, accounts, ALLOWED + AUTO, capsys)
    incident = operator("open", str(operator.leaked))
    assert [account.keys()[account.old[0]] for account in accounts] == ["Active", "Inactive"]
    (held,) = [one["hold"] for one in incident["credentials"] if one["hold"]["kind"] == "stopped"]
    assert accounts[0].old[1] not in json.dumps(incident) and "ValueError" in held["why"]
    monkeypatch.setattr(aws_iam.Rotator, "contain", good)
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


def test_a_run_that_was_continued_with_rotate_is_noticed(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(tmp_path, accounts, ALLOWED + AUTO, capsys)
    incident = operator("open", str(operator.leaked))
    for one in incident["credentials"]:
        assert one["hold"]["kind"] == "by-hand"
        assert main(["rotate", "resume", one["plan"], "--done", *operator.files[:2]]) == 0
    assert operator("run", "prove")["counts"]["waiting for a person"] == 0


def test_a_single_step_uses_the_verdicts_of_the_step_before(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(tmp_path, accounts, ALLOWED + AUTO.replace("decide", 'verdicts = ["live"]\ndecide'), capsys)
    operator("open", "--only-open", str(operator.leaked))
    for step in ("detect", "verify", "contain"):
        incident = operator("run", step)
    assert incident["counts"]["contained"] == 2, "the policy says so of what is live"


ASK = '[[rotate]]\nrules = ["aws.*"]\norder = "contain-first"\nmay = ["disable"]\n'


def test_a_restored_key_is_live_again(accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(tmp_path, accounts, ALLOWED + AUTO, capsys)
    incident = operator("open", str(operator.leaked))
    assert incident["counts"]["contained"] == 2
    back, _ = incident["credentials"]
    assert main(["rotate", "undo", back["plan"], *operator.files[:2]]) == 0
    incident = operator("next")
    assert incident["counts"]["contained"] == 1
    (task,) = [task for task in incident["tasks"] if task["subject"] == back["fingerprint"]]
    assert task["why"].startswith("STILL LIVE: ")


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

    def contain(self: aws_iam.Rotator) -> Any:
        raise ValueError

    operator = Operator(tmp_path, accounts, ALLOWED + AUTO, capsys)
    with monkeypatch.context() as broken:
        broken.setattr(aws_iam.Rotator, "contain", contain)
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


def test_a_credential_that_is_live_again_is_not_dead(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.incident.context import Context
    from detector.incident.steps import verify

    operator = Operator(tmp_path, accounts, ALLOWED + ASK, capsys)
    operator("open", str(operator.leaked))
    for state, dead in (("dead", 2), ("unknown", 2), ("live", 0), ("dead", 2)):

        def answer(context: Context, findings: list[Any], on_live: object = None, state: str = state) -> None:
            for finding in findings:
                context.ledger.add(LineKind.VERDICT, finding.fingerprint, state=state, why="", owner="", facts={})

        monkeypatch.setattr(verify, "ask_providers", answer)
        incident = operator("run", "prove")
        assert incident["counts"]["dead"] == dead, state
        assert incident["counts"]["waiting for a person"] == 2 - dead, state
