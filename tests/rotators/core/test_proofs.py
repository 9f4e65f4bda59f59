"""Checks of the operator's: what they show, and what follows when they do not pass."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from detector.errors import RotationError, UsageError
from detector.secret import Secret
from rotators.core.model import UnexpectedState
from rotators.core.policy import Policy, read_policy
from rotators.core.proofs import ProofRule, Tried, find_failure
from tests.fakes.serving import serving
from tests.rotators.faults import killed_at
from tests.rotators.world import Aws, Operator, policy

pytestmark = pytest.mark.net

NEW = Tried("run", {"value": Secret(b"canary-new")}, {"handle": "key-2"})


class App:
    """A consumer: it says whether it works, and with which key."""

    def __init__(self) -> None:
        self.status, self.says, self.asked = 200, dict[str, Any](), list[dict[str, str]]()
        self.fails_after = 10**6

    def answer(self, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append(headers)
        return (503 if len(self.asked) > self.fails_after else self.status), self.says


@contextmanager
def running(app: App) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

        def do_GET(self) -> None:
            status, says = app.answer({name.lower(): value for name, value in self.headers.items()})
            body = json.dumps(says).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as address:
        yield address


def make(kind: str, **settings: Any) -> ProofRule:
    return ProofRule("it", kind, settings, 3)


def test_http_compares_status_and_fields() -> None:
    app = App()
    app.says = {"key": {"id": "key-2"}}
    with running(app) as url:
        sends = {"authorization": "Bearer {new.value}"}
        rule = make("http", url=url, headers=sends, expect={"$.key.id": "{new.handle}"})
        assert find_failure(rule, NEW) == ""
        assert app.asked[0]["authorization"] == "Bearer canary-new"
        app.says = {"key": {"id": "key-1"}}
        assert find_failure(rule, NEW) == "$.key.id is not key-2"
        app.says = {}
        assert "has no $.key.id" in find_failure(rule, NEW)
        app.status = 401
        assert find_failure(make("http", url=url), NEW) == "answered 401, not 200"
        assert "{new.other} is not known" in find_failure(make("http", url=url, headers={"x": "{new.other}"}), NEW)
    assert find_failure(make("http", url=url), NEW).startswith("no connection")


def test_a_command_gets_the_values_on_a_pipe(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "prove.py"
    program.write_text(
        "import base64, json, sys\nasked = json.load(sys.stdin)\n"
        "value = base64.b64decode(asked['secrets']['value'])\n"
        "sys.exit(asked['verb'] != 'prove' or value != b'canary-new')\n"
    )
    command = make("command", command=[sys.executable, str(program)])
    assert find_failure(command, NEW) == ""
    assert "ended prove with 1" in find_failure(command, Tried("run", {"value": Secret(b"other")}, {}))


def test_a_call_of_aws_uses_the_new_key(aws: Aws) -> None:
    aws.plant()
    values = {"access_key_id": Secret(aws.old[0].encode()), "secret_access_key": Secret(aws.old[1].encode())}
    rule = make("aws", service="sts", call="GetCallerIdentity", endpoint=aws.url)
    assert find_failure(rule, Tried("run", values, {})) == ""
    missing = make("aws", service="iam", call="GetUser", arguments={"UserName": "nobody"}, endpoint=aws.url)
    assert find_failure(missing, Tried("run", values, {})) == "AWS answered NoSuchEntity"


def test_a_call_of_vault_uses_the_new_token() -> None:
    from tests.fakes import vault as fake

    with fake.running() as (address, server):
        server.tokens["canary-new"] = server.token("auth/token/create", ["default"])
        rule = make("vault", address=address, path="auth/token/lookup-self")
        assert find_failure(rule, NEW) == ""
        del server.tokens["canary-new"]
        assert find_failure(rule, NEW) == "answered 403"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[proofs.a]\nkind = "ftp"', "kind is one of command, http, aws, vault"),
        ('[proofs.a]\nkind = "http"', "needs url"),
        ('[proofs.a]\nkind = "http"\nurl = "x"\nexpects = {}', "did you mean 'expect'"),
        ('[[rotate]]\nhealth = ["a"]', "names the proof 'a', which no table describes"),
        ('[[rotate]]\nprove = "a"', "prove is a list"),
    ],
)
def test_a_mistake_in_the_policy_is_one_line(text: str, problem: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rotation.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UsageError, match=problem):
        read_policy(str(path))


# -- in a run ------------------------------------------------------------------


class Scene:
    def __init__(self, aws: Aws, folder: pathlib.Path, app: App, url: str) -> None:
        self.aws, self.folder, self.app, self.url = aws, folder, app, url
        self.leak = aws.plant()

    def operator(self, order: str = "reissue-first", **clause: Any) -> Operator:
        places = {"prod": ("aws-secrets-manager", {"endpoint": self.aws.url, "secret": self.aws.secret})}
        settings = self.aws.settings(prove_by_use=False)
        rules = policy("aws-iam", settings, places, order=order, **{"health": ("app",), **clause})
        return Operator(str(self.folder / "state"), self.with_proofs(rules), self.leak)

    def with_proofs(self, rules: Policy) -> Policy:
        seen = ProofRule("used", "aws", {"service": "sts", "call": "GetCallerIdentity", "endpoint": self.aws.url}, 2)
        return rules._replace(proofs={"app": ProofRule("app", "http", {"url": self.url}, 4), "used": seen})


@pytest.fixture
def scene(aws: Aws, tmp_path: pathlib.Path) -> Iterator[Scene]:
    app = App()
    with running(app) as url:
        yield Scene(aws, tmp_path, app, url)


def test_consumers_are_asked_after_the_new_value_and_without_the_old_one(scene: Scene) -> None:
    operator = scene.operator(prove=("used",))
    plan = operator.approved()
    ids = [step.id for step in plan.steps]
    assert ids.index("prove-new:used") < ids.index("promote:prod") < ids.index("health:app") < ids.index("prove-dead")
    assert ids.index("prove-dead") < ids.index("health:app:again") < ids.index("delete")
    outcome = operator.finish(plan)
    assert "the consumers passed app" in outcome.why
    assert len(scene.app.asked) == 3, "at the plan, after the new value, and without the old one"
    assert not any("canary" in str(headers) for headers in scene.app.asked)


@pytest.mark.parametrize(("asked", "step"), [(1, "health:app"), (2, "health:app:again")])
def test_consumers_that_fail_get_the_old_key_back(scene: Scene, asked: int, step: str) -> None:
    operator = scene.operator()
    plan = operator.approved()
    scene.app.fails_after = asked
    outcome = operator.finish(plan)
    assert (outcome.state, "answered 503" in outcome.why) == ("rolled-back", True)
    assert f"{step} failed" in operator.steps(plan)
    assert scene.aws.keys() == {scene.aws.old[0]: "Active"}
    assert scene.aws.stored()["access_key_id"] == scene.aws.old[0]


def test_a_public_leak_is_not_opened_again_for_consumers(scene: Scene) -> None:
    operator = scene.operator("contain-first")
    plan = operator.approved()
    scene.app.fails_after = 1
    outcome = operator.finish(plan)
    assert (outcome.state, outcome.step) == ("needs-person", "health:app")
    assert scene.aws.keys()[scene.aws.old[0]] == "Inactive"
    scene.app.fails_after = 10**6
    assert operator.finish(plan).state in ("finished", "ended")


def test_a_check_that_fails_already_shows_nothing(scene: Scene) -> None:
    scene.app.status = 500
    with pytest.raises(RotationError, match="do not work with the old value"):
        scene.operator().plan()
    plan = scene.operator("contain-first").plan()
    assert "app does not pass now" in dict(plan.facts)["consumers not checked"]
    assert not any(step.kind == "health" for step in plan.steps)


def test_a_value_that_does_not_do_its_work_is_given_to_nobody(scene: Scene) -> None:
    operator = scene.operator(prove=("app",))
    plan = operator.approved()
    scene.app.fails_after = 1
    with pytest.raises(UnexpectedState, match="does not do what its consumers do: app: answered 503"):
        operator.run(plan).apply()
    assert scene.aws.stored()["access_key_id"] == scene.aws.old[0]


def test_another_check_than_the_approved_one_stops(scene: Scene) -> None:
    operator = scene.operator()
    plan = operator.approved()
    operator.policy = operator.policy._replace(proofs={"app": ProofRule("app", "http", {"url": "http://127.0.0.1:1"})})
    with pytest.raises(UnexpectedState, match=r"not what the plan was approved for: proof\.app"):
        operator.run(plan).apply()


@pytest.mark.slow
@pytest.mark.parametrize("boundary", range(22, 46, 3))
def test_killed_while_giving_back_it_gives_back(scene: Scene, tmp_path: pathlib.Path, boundary: int) -> None:
    """Died around the journal lines before and after the check that fails."""
    down = tmp_path / "down"
    check = ["/bin/sh", "-c", f"cat >/dev/null; test ! -e {down}"]
    operator = scene.operator()
    operator.policy = operator.policy._replace(proofs={"app": ProofRule("app", "command", {"command": check}, 2)})
    plan = operator.approved()
    down.touch()
    killed_at(boundary, lambda: operator.run(plan).apply())
    if operator.run(plan)._now.outcome is None:
        assert operator.run(plan).resume().state == "rolled-back"
    assert scene.aws.keys() == {scene.aws.old[0]: "Active"}
    assert scene.aws.stored()["access_key_id"] == scene.aws.old[0]
    assert operator.journal.check() == []
