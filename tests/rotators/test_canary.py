"""No value of any credential, old or new, is seen anywhere but at provider and destination.

Every rotator runs with the debug logs of boto3, botocore, urllib3, hvac and
httpx switched on, succeeds once and fails once, and everything that came out
or stayed on disk is searched for every spelling of every value.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import pathlib
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from detector.errors import LeakfirstError
from detector.secret import Secret
from rotators.core.model import Leak, RotationPlan
from tests.fakes import hosted_providers, vault
from tests.rotators import test_hosted_providers, world
from tests.rotators.test_hosted_providers import KINDS, Bench, running  # noqa: F401 (a fixture)
from tests.rotators.world import Aws, Operator, policy

pytestmark = pytest.mark.net

NOISY = (
    "",
    "boto3",
    "botocore",
    "botocore.endpoint",
    "botocore.parsers",
    "urllib3",
    "hvac",
    "requests",
    "httpx",
    "httpcore",
)


def spellings(value: str) -> set[str]:
    raw = value.encode()
    return {
        value,
        quote(value, safe=""),
        json.dumps(value)[1:-1],
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
    }


class Witness:
    """Collects everything that a run lets out."""

    def __init__(
        self, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, folder: pathlib.Path
    ) -> None:
        self._capfd, self._caplog, self._folder = capfd, caplog, folder
        self._said: list[str] = []

    def run(self, operator: Operator, plan: RotationPlan) -> None:
        try:
            operator.finish(plan)
        except LeakfirstError as error:
            self._said.append("".join(traceback.format_exception(error)))
            self._said.append(repr(error.__context__))

    def assert_silent(self, values: list[str], allowed: tuple[pathlib.Path, ...] = ()) -> None:
        assert values
        out = self._capfd.readouterr()
        texts = {"stdout": out.out, "stderr": out.err, "logs": self._caplog.text, "errors": "\n".join(self._said)}
        for path in self._folder.rglob("*"):
            if path.is_file() and path not in allowed:
                texts[str(path)] = path.read_bytes().decode("latin-1")
        for where, text in texts.items():
            for value in values:
                for form in spellings(value):
                    assert form not in text, f"a value stands in {where}"


@pytest.fixture
def witness(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> Iterator[Witness]:
    before = {name: logging.getLogger(name).level for name in NOISY}
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    http.client.HTTPConnection.debuglevel = 1
    yield Witness(capfd, caplog, tmp_path)
    http.client.HTTPConnection.debuglevel = 0
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_the_witness_sees_what_is_let_out(witness: Witness, moto_url: str) -> None:
    """Without our silence, botocore's debug log does print a new secret."""
    aws = Aws(moto_url)
    aws.plant()
    with pytest.raises(AssertionError, match="a value stands in"):
        witness.assert_silent([aws.old[1]])


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_every_hosted_provider(
    name: str,
    fails: bool,
    running: tuple[str, hosted_providers.Providers],  # noqa: F811
    witness: Witness,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPERATOR_TOKEN", hosted_providers.ADMIN)
    bench = Bench(name, running, tmp_path)
    plan = bench.operator.approved()
    if fails:
        bench.providers.lose = lambda service, method, path: method != "GET"
    witness.run(bench.operator, plan)
    values = [key.value for key in bench.service.keys] + [hosted_providers.ADMIN]
    if name == "npm":
        values = values[:1]
    witness.assert_silent(values, allowed=(bench.env,))


@pytest.mark.parametrize("fails", [False, True])
def test_aws(aws: Aws, witness: Witness, tmp_path: pathlib.Path, fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with quietly():
        leak = aws.plant()
    settings = aws.settings(end_sessions=False, prove_by_use=False)
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    operator = Operator(str(tmp_path), policy("aws-iam", settings, places), leak)
    plan = operator.approved()
    if fails:
        from rotators.stores import aws_secrets_manager

        def promote(self: object, token: str, values: dict[str, Secret]) -> None:
            raise ValueError(f"bad parameter {values['secret_access_key'].reveal()!r}")

        monkeypatch.setattr(aws_secrets_manager.Store, "promote", promote)
    witness.run(operator, plan)
    with quietly():
        labels = aws.client("secretsmanager").describe_secret(SecretId=aws.secret)["VersionIdsToStages"]
        versions = [name for name, stages in labels.items() if stages]
        values = {aws.stored(VersionId=version)["secret_access_key"] for version in versions}
    assert len(values) == 2
    witness.assert_silent(sorted(values))


VAULT = {
    "vault-token": ({"role": "maker"}, "value"),
    "vault-approle": ({"role": "app"}, "secret_id"),
    "vault-userpass": ({"user": "app"}, "password"),
    "vault-kv": ({"path": "app"}, "value"),
    "vault-database": ({"role": "app"}, "password"),
}


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", VAULT)
def test_vault(
    name: str, fails: bool, witness: Witness, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATOR_TOKEN", vault.ROOT)
    settings, field = VAULT[name]
    with vault.running() as (address, server):
        leaked = world.secret_text()
        server.token_roles["maker"] = {}
        server.tokens[leaked] = server.token("auth/token/create", ["default"])
        server.users["app"] = {"password": leaked, "token_policies": []}
        server.static["app"] = {"username": "app", "password": leaked}
        secret_id = {"secret_id_accessor": "a1", "metadata": {}, "creation_time": ""}
        server.approles["app"] = {"role_id": "r1", "ids": {leaked: secret_id}}
        state = {"created_time": "", "deletion_time": "", "destroyed": False}
        server.kv["app"] = {"current_version": 1, "versions": {"1": state}, "data": {"1": {field: leaked}}}
        common = {"address": address, "token_env": "OPERATOR_TOKEN"}
        places = {"kv": ("vault-kv", {**common, "path": "app"})}
        leak = Leak("vault.some-kind", "lf1:v", Secret(leaked.encode()))
        operator = Operator(str(tmp_path), policy(name, {**common, **settings}, places), leak)
        plan = operator.approved(rotator_name=name)
        if fails:

            def refuse(method: str, path: str) -> None:
                if path.startswith("secret/data") and method != "GET":
                    raise vault.Refused(400, "no", "thanks")

            server.before = refuse
        witness.run(operator, plan)
        made = [row[field] for row in server.kv["app"]["data"].values() if field in row]
    witness.assert_silent([leaked, vault.ROOT, *made])


class quietly:
    """Keep the test's own calls out of the log that it searches."""

    def __enter__(self) -> None:
        logging.disable(logging.CRITICAL)
        http.client.HTTPConnection.debuglevel = 0

    def __exit__(self, *error: object) -> None:
        logging.disable(logging.NOTSET)
        http.client.HTTPConnection.debuglevel = 1


def test_every_rotator_with_a_provider_is_watched() -> None:
    from rotators.core.catalogue import list_rotators

    elsewhere = {
        "aws-iam": "test_aws",
        "aws-sts": "makes nothing",
        "aws-rotate-secret": "makes nothing",
        "aws-service-credential": "no emulator has its calls",
        "rds-master": "no value but the destination's and RDS's own",
        "ses-smtp": "aws-iam, and arithmetic",
        "vault-aws-engine": "sees no value",
        "vault-lease": "its tests look at no log; revokes a lease by its id",
        "vault-transit": "sees no value",
        "command": "its tests look at no log; the value goes by standard input",
        "webhook": "its tests look at no log; the value goes in a signed body",
        "runbook": "does nothing",
    }
    assert set(list_rotators()) == set(test_hosted_providers.KINDS) | set(VAULT) | set(elsewhere)
