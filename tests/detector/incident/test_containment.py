"""What the policy does not allow, and what fails, holds one credential for a person and no other one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

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


class Desk:
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
    ("policy", "kind", "said"),
    [
        ("", "approve", "its plan needs an approval (the policy asks)"),
        (ALLOWED + '[[rotate]]\nrules = ["aws.*"]\ndecide = "ask"\n', "approve", "its plan needs an approval"),
        (ALLOWED + '[[rotate]]\nrules = ["aws.*"]\ndecide = "never"\n', "stopped", "the policy says never"),
        (AUTO, "stopped", "not on the policy's list of allowed accounts"),
        (ALLOWED + AUTO + '[limits]\nstop_file = "/"\n', "stopped", "nothing acts until it is removed"),
        (ALLOWED + AUTO + "[limits]\nacts_per_hour = 0\n", "stopped", "in one hour is the cap"),
    ],
)
def test_what_is_not_allowed_is_held(
    policy: str, kind: str, said: str, accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not policy:
        policy = '[accounts]\nallow = ["*"]\n'
    desk = Desk(tmp_path, accounts, policy, capsys)
    case = desk("open", str(desk.leaked))
    assert desk.code == 4 and case["counts"]["live"] == 2
    for one in case["credentials"]:
        assert one["held"]["kind"] == kind and said in one["held"]["why"]
    assert all(task["why"].startswith("STILL LIVE: ") for task in case["waiting"])
    for account in accounts:
        assert account.keys() == {account.old[0]: "Active"}


def test_when_the_policy_changes_the_next_run_goes_on(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, accounts, AUTO, capsys)
    desk("open", str(desk.leaked))
    desk.policy(ALLOWED + AUTO + KINDS.format(url=accounts[0].url))
    case = desk("next")
    assert case["counts"]["contained"] == 2
    for account in accounts:
        assert account.keys() == {account.old[0]: "Inactive"}
    assert {one["held"]["kind"] for one in case["credentials"]} == {"by-hand"}, "nobody may make new ones"


def test_one_that_fails_stops_no_other(
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
    desk = Desk(tmp_path, accounts, ALLOWED + AUTO, capsys)
    case = desk("open", str(desk.leaked))
    assert [account.keys()[account.old[0]] for account in accounts] == ["Active", "Inactive"]
    (held,) = [one["held"] for one in case["credentials"] if one["held"]["kind"] == "stopped"]
    assert accounts[0].old[1] not in json.dumps(case) and "ValueError" in held["why"]
    monkeypatch.setattr(aws_iam.Rotator, "contain", good)
    assert desk("run", "contain")["counts"]["contained"] == 2


def test_a_value_that_is_gone_is_ended_by_name(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, accounts, AUTO, capsys)
    desk("open", str(desk.leaked))
    desk.leaked.unlink()
    case = desk("next")
    assert {one["held"]["kind"] for one in case["credentials"]} == {"gone"}
    assert case["counts"]["live"] == 2


def test_an_expired_plan_is_made_anew_and_read_again(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asks = (
        ALLOWED
        + '[[rotate]]\nrules = ["aws.*"]\norder = "contain-first"\nmay = ["disable"]\n[limits]\nplan_expires = "1s"\n'
    )
    desk = Desk(tmp_path, accounts, asks, capsys)
    case = desk("open", str(desk.leaked))
    time.sleep(1.1)
    (one, other) = case["credentials"]
    files = desk.files
    assert main(["respond", "approve", case["incident"], one["plan"], "--digest", one["digest"], *files]) == 4
    assert "made anew" in capsys.readouterr().err
    assert {account.keys()[account.old[0]] for account in accounts} == {"Active"}
    assert main(["respond", "approve", case["incident"], other["fingerprint"], *files]) == 4
    assert other["digest"][:16] not in capsys.readouterr().out, "what is shown is the new one"
    fresh = {row["fingerprint"]: row for row in desk("status")["credentials"]}
    assert all(fresh[row["fingerprint"]]["plan"] != row["plan"] for row in (one, other))


def test_a_run_that_went_on_elsewhere_is_noticed(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, accounts, ALLOWED + AUTO, capsys)
    case = desk("open", str(desk.leaked))
    for one in case["credentials"]:
        assert one["held"]["kind"] == "by-hand"
        assert main(["rotate", "resume", one["plan"], "--done", *desk.files[:2]]) == 0
    assert desk("run", "prove")["counts"]["waiting for a person"] == 0


def test_a_step_of_its_own_knows_what_the_one_before_found_out(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, accounts, ALLOWED + AUTO.replace("decide", 'verdicts = ["live"]\ndecide'), capsys)
    desk("open", "--only-open", str(desk.leaked))
    for step in ("detect", "verify", "contain"):
        case = desk("run", step)
    assert case["counts"]["contained"] == 2, "the policy says so of what is live"


ASK = '[[rotate]]\nrules = ["aws.*"]\norder = "contain-first"\nmay = ["disable"]\n'


def test_what_was_given_back_is_live_again(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, accounts, ALLOWED + AUTO, capsys)
    case = desk("open", str(desk.leaked))
    assert case["counts"]["contained"] == 2
    back, _ = case["credentials"]
    assert main(["rotate", "undo", back["plan"], *desk.files[:2]]) == 0
    case = desk("next")
    assert case["counts"]["contained"] == 1
    (task,) = [task for task in case["waiting"] if task["subject"] == back["fingerprint"]]
    assert task["why"].startswith("STILL LIVE: ")


def test_a_plan_that_nobody_approved_is_made_anew_on_another_machine(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, accounts, ALLOWED + ASK, capsys)
    case = desk("open", str(desk.leaked))
    there = ["--rotations", str(tmp_path / "elsewhere")]
    fresh = desk("next", *there)
    assert {one["plan"] for one in fresh["credentials"]}.isdisjoint(one["plan"] for one in case["credentials"])
    one, _ = fresh["credentials"]
    case = desk("approve", case["incident"], one["plan"], "--digest", one["digest"], *there)
    assert case["counts"]["contained"] == 1


def test_a_rotation_that_was_begun_goes_on_where_it_was_begun(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rotators import aws_iam

    def contain(self: aws_iam.Rotator) -> Any:
        raise ValueError

    desk = Desk(tmp_path, accounts, ALLOWED + AUTO, capsys)
    with monkeypatch.context() as broken:
        broken.setattr(aws_iam.Rotator, "contain", contain)
        before = desk("open", str(desk.leaked))
    case = desk("next", "--rotations", str(tmp_path / "elsewhere"))
    assert all("begun on another machine" in one["held"]["why"] for one in case["credentials"])
    assert {one["plan"] for one in case["credentials"]} == {one["plan"] for one in before["credentials"]}
    case = desk("next")
    assert case["counts"]["contained"] == 2
    held = [one["held"] for one in case["credentials"]]
    case = desk("next", "--rotations", str(tmp_path / "elsewhere"))
    assert [one["held"] for one in case["credentials"]] == held, "who is elsewhere changes nothing of what waits"


def test_what_waits_for_an_approval_elsewhere_goes_on_waiting(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, accounts, ALLOWED + AUTO.replace('"disable"]', '"disable", "delete"]\ngrace = 0'), capsys)
    desk("open", str(desk.leaked))
    while (case := desk("next"))["credentials"][0]["held"].get("kind") == "by-hand":
        for one in case["credentials"]:
            desk("approve", case["incident"], one["fingerprint"], "--done")
    assert {one["held"]["kind"] for one in case["credentials"]} == {"final"}
    assert desk("next", "--rotations", str(tmp_path / "elsewhere"))["credentials"] == case["credentials"]


def test_an_approval_that_was_given_elsewhere_is_in_the_account(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, accounts, ALLOWED + ASK, capsys)
    one, _ = desk("open", str(desk.leaked))["credentials"]
    words = ["rotate", "approve", one["plan"], "--digest", one["digest"], "--by", "grace", *desk.files[:2]]
    assert main(words) == 0
    assert desk("next")["counts"]["contained"] == 1
    capsys.readouterr()
    main(["respond", "report"])
    said = capsys.readouterr().out.partition("Who decided what")[2].partition("##")[0]
    assert "`grace`" in said and f"`approved (all) plan {one['plan'][:12]}`" in said


def test_what_works_again_is_not_dead(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.incident.response import Response

    desk = Desk(tmp_path, accounts, ALLOWED + ASK, capsys)
    desk("open", str(desk.leaked))
    for state, dead in (("dead", 2), ("unknown", 2), ("live", 0), ("dead", 2)):

        def answer(self: Response, findings: list[Any], on_live: object, state: str = state) -> None:
            for finding in findings:
                self._ledger.note("verdict", finding.fingerprint, state=state, why="", owner="", facts={})

        monkeypatch.setattr(Response, "_ask", answer)
        case = desk("run", "prove")
        assert case["counts"]["dead"] == dead, state
        assert case["counts"]["waiting for a person"] == 2 - dead, state
