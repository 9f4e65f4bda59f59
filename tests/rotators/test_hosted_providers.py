"""Hosted providers: each rotator against a server that plays the documented shapes."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from detector.errors import RotationError
from detector.secret import Secret
from rotators.core.model import Leak, UnexpectedState
from rotators.stores.env_file import parse_env
from tests.fakes import hosted_providers as fake
from tests.rotators.world import Operator, policy, secret_text

pytestmark = pytest.mark.net


class Kind(NamedTuple):
    rule: str
    reissues: bool = False
    settings: Mapping[str, Any] = {}
    field: str = "value"


KINDS: dict[str, Kind] = {
    "github": Kind("github.pat-classic"),
    "github-installation": Kind("github.app-installation-token"),
    "gitlab": Kind("gitlab.pat", True, {"project": "acme/app"}),
    "slack": Kind("slack.bot-token"),
    "openai": Kind("openai.service-account-key", True, {"project": "p1", "service_account": "sa1"}),
    "anthropic": Kind("anthropic.api-key"),
    "cloudflare": Kind("cloudflare.user-token", True),
    "datadog": Kind("datadog.api-key", True, {"application_key_env": "OPERATOR_TOKEN"}),
    "sendgrid": Kind("sendgrid.api-key", True),
    "heroku": Kind("heroku.api-key", True),
    "twilio": Kind("twilio.api-key", True, {"account": "AC1"}, "secret"),
    "twilio-auth-token": Kind("twilio.auth-token", True, {"account": "AC1", "main_key_sid": "SK1"}),
    "entra": Kind("azure.entra-client-secret", True, {"tenant": "t1", "object_id": "o1", "client_id": "c1"}),
    "gcp-service-account": Kind("google.service-account-key", True),
    "docker-hub": Kind("docker.pat", True, {"user": "ada", "label": "leaked"}),
    "npm": Kind("npm.access-token"),
    "hugging-face": Kind("huggingface.user-token"),
    "digitalocean": Kind("digitalocean.personal-access-token"),
    "doppler": Kind("doppler.personal-token"),
    "buildkite": Kind("buildkite.user-access-token"),
    "vercel": Kind("vercel.personal-access-token"),
}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[str, fake.Providers]]:
    with fake.running() as pair:
        yield pair


class Bench:
    """One service with a leaked key, and an .env file that its consumer reads."""

    def __init__(self, name: str, running: tuple[str, fake.Providers], folder: pathlib.Path, **more: Any) -> None:
        url, self.providers = running
        kind = KINDS[name]
        self.service = self.providers.services[name] = fake.Service(secret_text())
        self.providers.calls.clear()
        self.providers.lose = lambda service, method, path: False
        if name == "sendgrid":
            self.service.old.value = f"SG.{self.service.old.id}.{secret_text()}"
        if name == "gcp-service-account":
            self.service.old.value = fake.private_key_file()
        parts = {}
        if name == "twilio":
            self.service.old.id = "SK" + "0" * 32
            self.service.old.value = secret_text(32)
            parts = {"sid": Secret(self.service.old.id.encode())}
        base = f"{url}/{name}"
        endpoints = dict.fromkeys(("endpoint", "accounts_endpoint", "login_endpoint", "revoke_endpoint"), base)
        settings = {**endpoints, **kind.settings, **more}
        if kind.reissues or name == "anthropic":
            settings["token_env"] = "OPERATOR_TOKEN"
        if name == "gcp-service-account":
            settings["token_endpoint"] = base
        self.env = folder / ".env"
        self.env.write_text(f"TOKEN={self.service.old.value}\n")
        places: Any = {"env": ("env-file", {"path": str(self.env), "fields": {kind.field: "TOKEN"}})}
        leak = Leak(kind.rule, f"lf1:{name}", Secret(self.service.old.value.encode()), parts)
        rule = policy(name, settings, places if kind.reissues else None)
        if name == "anthropic":
            rule = policy(name, settings, None, order="contain-first")
        self.operator = Operator(str(folder / "state"), rule, leak)

    @property
    def stored(self) -> str:
        return parse_env(self.env.read_bytes())["TOKEN"].decode()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_TOKEN", fake.ADMIN)


@pytest.mark.parametrize("name", KINDS)
def test_the_leaked_key_ends_proven_and_consumers_have_a_working_one(
    name: str, running: tuple[str, fake.Providers], tmp_path: pathlib.Path
) -> None:
    bench, leaked = Bench(name, running, tmp_path), ""
    leaked = bench.service.old.value
    plan = bench.operator.approved()
    outcome = bench.operator.finish(plan)
    if outcome.state == "needs-person":
        assert not KINDS[name].reissues
        outcome = bench.operator.run(plan).resume(person_done=True)
        while outcome.state == "waiting":
            bench.operator.time.ahead += 7 * 86400
            outcome = bench.operator.run(plan).resume()
    assert outcome.state == "finished"
    assert bench.service.by_value(leaked) is None
    assert "prove-dead done" in bench.operator.steps(plan)
    proofs = [e.facts["result"] for e in bench.operator.journal.entries(plan.id) if e.step == "prove-dead"]
    assert proofs == ["dead"]
    if KINDS[name].reissues:
        assert bench.stored != leaked
        assert bench.service.by_value(bench.stored) is not None
        assert len(bench.service.listed()) == 1


CREATES = [name for name, kind in KINDS.items() if kind.reissues]


@pytest.mark.parametrize("name", CREATES)
def test_a_key_whose_answer_was_lost_is_found_and_ended(
    name: str, running: tuple[str, fake.Providers], tmp_path: pathlib.Path
) -> None:
    bench = Bench(name, running, tmp_path)
    plan = bench.operator.approved()
    count = len(bench.service.keys)
    values = {key.value for key in bench.service.keys}

    def lose(service: str, method: str, path: str) -> bool:
        return len(bench.service.keys) > count or {key.value for key in bench.service.keys} != values

    bench.providers.lose = lose
    with pytest.raises(RotationError, match="may have acted"):
        bench.operator.run(plan).apply()
    bench.providers.lose = lambda service, method, path: False
    assert bench.operator.finish(plan).state == "finished"
    assert [key.value for key in bench.service.listed()] == [bench.stored]


REVERSIBLE = [name for name in CREATES if name not in ("cloudflare",)]


@pytest.mark.parametrize("name", REVERSIBLE)
def test_before_the_old_key_ends_everything_can_be_undone(
    name: str, running: tuple[str, fake.Providers], tmp_path: pathlib.Path
) -> None:
    bench = Bench(name, running, tmp_path)
    leaked = bench.service.old.value
    plan = bench.operator.plan()
    bench.operator.approve(plan, "reversible")
    bench.operator.run(plan).apply()
    assert bench.stored != leaked
    if name == "twilio":
        with pytest.raises(RotationError, match="not known"):  # only a part of the pair stood in the file
            bench.operator.run(plan).undo()
        return
    assert bench.operator.run(plan).undo().state == "rolled-back"
    assert bench.stored == leaked
    assert [key.value for key in bench.service.listed()] == [leaked]
    assert bench.service.old.alive


def test_gitlab_rotate_is_never_done_twice(running: tuple[str, fake.Providers], tmp_path: pathlib.Path) -> None:
    bench = Bench("gitlab", running, tmp_path, project="", rotate=True)
    plan = bench.operator.approved()
    assert not plan.steps[0].reversible
    bench.providers.lose = lambda service, method, path: path.endswith("/rotate")
    with pytest.raises(RotationError, match="may have acted"):
        bench.operator.run(plan).apply()
    bench.providers.lose = lambda service, method, path: False
    with pytest.raises(UnexpectedState, match="rotating again would kill"):
        bench.operator.run(plan).resume()
    assert sum(path.endswith("/rotate") for _, _, path in bench.providers.calls) == 1


def test_gitlab_rotate_hands_the_new_token_on(running: tuple[str, fake.Providers], tmp_path: pathlib.Path) -> None:
    bench = Bench("gitlab", running, tmp_path, project="", rotate=True)
    assert bench.operator.finish(bench.operator.approved()).state == "finished"
    assert [key.value for key in bench.service.listed()] == [bench.stored]


def test_a_dead_token_is_not_planned_for(running: tuple[str, fake.Providers], tmp_path: pathlib.Path) -> None:
    bench = Bench("slack", running, tmp_path)
    bench.service.old.gone = True
    with pytest.raises(UnexpectedState, match="dead already"):
        bench.operator.plan()


def test_an_account_that_is_not_on_the_list_is_left_alone(
    running: tuple[str, fake.Providers], tmp_path: pathlib.Path
) -> None:
    bench = Bench("slack", running, tmp_path)
    bench.operator.policy = bench.operator.policy._replace(accounts=("slack:T9",))
    with pytest.raises(RotationError, match="slack:T1 is not on"):
        bench.operator.plan()


def test_what_has_no_call_waits_for_a_person_with_the_way(tmp_path: pathlib.Path) -> None:
    leak = Leak("acme.made-up", "lf1:x", Secret(b"value"), runbook="https://acme.test/keys")
    operator = Operator(str(tmp_path), policy("runbook", {})._replace(accounts=()), leak)
    plan = operator.approved()
    assert (plan.rotator, plan.steps[0].link) == ("runbook", "https://acme.test/keys")
    assert operator.run(plan).apply().state == "needs-person"
    outcome = operator.run(plan).resume(person_done=True)
    assert outcome.state == "ended" and "value unknown" in outcome.why, "a person's word is no proof"
