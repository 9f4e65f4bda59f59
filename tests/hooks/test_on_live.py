"""A live finding is acted on as far as the policy lets it happen by itself."""

from __future__ import annotations

import pathlib

import pytest

from detector.errors import ExitCode
from detector.model import Finding, Location, Origin, Rule, Verdict
from detector.secret import Secret
from hooks.on_live import react
from rotators.core.service import RotationService
from tests.fakes import hosted_providers
from tests.rotators.world import policy, secret_text

pytestmark = pytest.mark.net


def finding(rule_id: str, value: str, state: str) -> Finding:
    rule = Rule(rule_id, "a key", pattern="x")
    place = Location(Origin("worktree", "a.txt"), 0, 1, 1, 1, 1, 2)
    return Finding(f"lf1:{state}", rule, "high", "high", Secret(value.encode()), (), (place,), Verdict(state))


@pytest.mark.parametrize(("decide", "code", "alive"), [("auto", 0, False), ("ask", 4, True), ("never", 4, True)])
def test_only_what_the_policy_decides_happens(
    decide: str,
    code: int,
    alive: bool,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPERATOR_TOKEN", hosted_providers.ADMIN)
    with hosted_providers.running() as (url, server):
        service = server.services["anthropic"] = hosted_providers.Service(secret_text())
        settings = {"endpoint": f"{url}/anthropic", "token_env": "OPERATOR_TOKEN"}
        rules = policy("anthropic", settings, decide=decide, order="contain-first")
        operator = RotationService(rules, str(tmp_path))
        live = finding("anthropic.api-key", service.old.value, "live")
        dead = finding("anthropic.api-key", service.old.value, "dead")
        assert react([live, dead], operator) == code
        assert service.old.alive == alive
        assert react([dead], operator) == ExitCode.CLEAN
        assert service.old.value not in "".join(capsys.readouterr())


@pytest.mark.parametrize(("decide", "alive"), [("auto", True), ("auto-final", False)])
def test_what_cannot_be_taken_back_needs_a_policy_that_says_so(
    decide: str, alive: bool, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hosted_providers.running() as (url, server):
        service = server.services["github"] = hosted_providers.Service(secret_text())
        rules = policy("github", {"endpoint": f"{url}/github"}, decide=decide, order="contain-first")
        live = finding("github.pat-classic", service.old.value, "live")
        assert (
            react([live], RotationService(rules, str(tmp_path))) == ExitCode.NEEDS_PERSON
        )  # a new one has to be made by hand
        assert bool(service.by_value(service.old.value)) == alive
        assert ("final steps" in capsys.readouterr().out) == alive


def test_without_acting_it_only_plans(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPERATOR_TOKEN", hosted_providers.ADMIN)
    with hosted_providers.running() as (url, server):
        service = server.services["anthropic"] = hosted_providers.Service(secret_text())
        settings = {"endpoint": f"{url}/anthropic", "token_env": "OPERATOR_TOKEN"}
        operator = RotationService(policy("anthropic", settings, decide="auto", order="contain-first"), str(tmp_path))
        live = finding("anthropic.api-key", service.old.value, "live")
        assert react([live], operator, act=False) == ExitCode.NEEDS_PERSON
        assert service.old.alive
        assert "leakfirst rotate approve" in capsys.readouterr().out
