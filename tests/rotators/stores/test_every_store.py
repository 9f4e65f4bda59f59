"""The contract that every store in the folder fulfils, at the destination itself rather than by what the store says."""

from __future__ import annotations

import base64
import importlib.util
import json
import pathlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import pytest
from nacl.public import SealedBox

from detector.errors import UsageError
from detector.registry import load_plugin
from detector.secret import Secret
from rotators.core import catalogue
from rotators.core.catalogue import STORES, list_stores
from rotators.core.contracts import Handles, Store, StoreModule, Values
from rotators.core.model import Case, Clock, Leak
from rotators.core.provider import TokenProvider
from rotators.core.testing import OLD, Location, check_store
from rotators.stores.env_file import parse_env
from tests.fakes import vault as fake_vault
from tests.protocols import check_with_mypy
from tests.rotators.stores.test_remote import Consumers, serve
from tests.rotators.test_own import PROGRAM
from tests.rotators.test_own import serve as serve_own
from tests.rotators.world import Aws

pytestmark = pytest.mark.net

Make = Callable[["Bench"], Location]


class Bench:
    """What the destinations of the tests need."""

    def __init__(self, folder: pathlib.Path, aws: Aws, stack: ExitStack) -> None:
        self.folder, self.aws, self.stack = folder, aws, stack


def env_file(bench: Bench) -> Location:
    path = bench.folder / ".env"
    path.write_text(f"A=1\nTOKEN={OLD}\n")
    settings = {"path": str(path), "fields": {"value": "TOKEN"}}
    return Location(settings, lambda: parse_env(path.read_bytes())["TOKEN"].decode())


def aws_secrets_manager(bench: Bench) -> Location:
    client = bench.aws.client("secretsmanager")
    client.create_secret(Name=bench.aws.secret, SecretString=json.dumps({"value": OLD, "other": "stays"}))
    return Location({"secret": bench.aws.secret, "endpoint": bench.aws.url}, lambda: str(bench.aws.stored()["value"]))


def aws_ssm(bench: Bench) -> Location:
    client, name = bench.aws.client("ssm"), f"/app/{bench.aws.user}"
    client.put_parameter(Name=name, Value=OLD, Type="SecureString")
    settings = {"parameter": name, "plain": True, "endpoint": bench.aws.url}
    return Location(settings, lambda: str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]))


def github_actions(bench: Bench) -> Location:
    url, consumers = bench.stack.enter_context(serve(Consumers()))
    consumers.secrets["TOKEN"] = (
        base64.b64encode(SealedBox(consumers.key.public_key).encrypt(OLD.encode())).decode(),
        1,
    )
    settings = {"endpoint": url, "repository": "o/r", "token_env": "STORE_TOKEN", "fields": {"value": "TOKEN"}}
    return Location(
        settings, lambda: SealedBox(consumers.key).decrypt(base64.b64decode(consumers.secrets["TOKEN"][0])).decode()
    )


def gitlab_ci(bench: Bench) -> Location:
    url, consumers = bench.stack.enter_context(serve(Consumers()))
    settings = {"endpoint": url, "project": "o/r", "token_env": "STORE_TOKEN", "fields": {"value": "TOKEN"}}
    return Location(settings, lambda: str(consumers.variable["value"]))


def kubernetes_secret(bench: Bench) -> Location:
    url, consumers = bench.stack.enter_context(serve(Consumers()))
    settings = {"server": url, "name": "app", "token_env": "STORE_TOKEN", "fields": {"value": "token"}}
    return Location(settings, lambda: base64.b64decode(consumers.data["token"]).decode())


def vault_kv(bench: Bench) -> Location:
    url, server = bench.stack.enter_context(fake_vault.running())
    fake_vault.kv_write(server, {"data": {"value": OLD, "other": "stays"}}, "", "app")
    settings = {"address": url, "token_env": "VAULT_TOKEN", "path": "app"}
    return Location(settings, lambda: str(fake_vault.kv_read(server, {}, "", "app")["data"]["data"]["value"]))


def command(bench: Bench) -> Location:
    state, program = bench.folder / "state.json", bench.folder / "store.py"
    state.write_text(json.dumps({"stored": OLD}))
    program.write_text(PROGRAM.format(root=str(pathlib.Path(__file__).parents[3]), state=str(state)))
    settings = {"command": [sys.executable, str(program)]}
    return Location(settings, lambda: str(json.loads(state.read_text())["stored"]))


def webhook(bench: Bench) -> Location:
    state = bench.folder / "state.json"
    state.write_text(json.dumps({"stored": OLD}))
    url = bench.stack.enter_context(serve_own(state))
    return Location({"url": url, "key_env": "HOOK_KEY"}, lambda: str(json.loads(state.read_text())["stored"]))


MAKERS: dict[str, Make] = {
    name.__name__.replace("_", "-"): name
    for name in (
        env_file, aws_secrets_manager, aws_ssm, github_actions, gitlab_ci, kubernetes_secret, vault_kv, command, webhook
    )
}  # fmt: skip


def find_destinations() -> dict[str, Make]:
    """Return `make_destination` of the test files that have one: a store brings its destination along."""
    found: dict[str, Make] = {}
    for name in list_stores():
        module = f"tests.rotators.stores.test_{name.replace('-', '_')}"
        if importlib.util.find_spec(module):
            make = getattr(importlib.import_module(module), "make_destination", None)
            found |= {name: lambda bench, make=make: make(bench.folder)} if make else {}
    return found


MAKERS |= find_destinations()


@pytest.fixture
def bench(tmp_path: pathlib.Path, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name, value in (("STORE_TOKEN", "t"), ("VAULT_TOKEN", fake_vault.ROOT), ("HOOK_KEY", "shared")):
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        yield Bench(tmp_path, aws, stack)


def test_every_store_has_a_destination_here() -> None:
    assert set(list_stores()) == set(MAKERS), "a store without a test of its contract"


def test_mypy_accepts_every_store() -> None:
    check_with_mypy(STORES, StoreModule)


@pytest.mark.parametrize("name", MAKERS)
def test_every_store_keeps_its_promises(name: str, bench: Bench) -> None:
    check_store(lambda given: catalogue.open_store(name, given), MAKERS[name](bench))


def _change_nothing(self: Store, token: str, values: Values) -> Handles:
    return {}


@pytest.mark.parametrize("name", ["env-file", "github-actions", "aws-secrets-manager", "kubernetes-secret"])
@pytest.mark.parametrize("method", ["promote", "restore"])
def test_a_store_that_does_nothing_is_noticed(
    name: str, method: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load_plugin(STORES, name, what="store")
    monkeypatch.setattr(module.Store, method, _change_nothing)
    with pytest.raises(AssertionError, match=method):
        check_store(module.Store, MAKERS[name](bench))


class _Untold(Store):
    """Has no `promote` that takes values."""

    staged = False

    def promote(self, token: str) -> Handles:  # type: ignore[override]
        raise AssertionError("was executed")


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({}, "Store() is missing"),
        ({"Store": lambda: None}, "Store() does not take (case)"),
        ({"Store": TokenProvider}, "staged is missing"),
        ({"Store": _Untold}, "promote() does not take (token, values)"),
    ],
)
def test_a_store_that_does_not_fulfil_its_protocol_is_one_line(
    members: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ModuleType("rotators.stores.broken")
    vars(broken).update(members)
    monkeypatch.setattr(catalogue, "load_plugin", lambda *_, **__: broken)
    with pytest.raises(UsageError) as wrong:
        catalogue.open_store("broken", Case("run", Leak("x", "lf1:x", Secret(b"x")), {}, {}, Clock(float, print)))
    assert str(wrong.value).endswith(f": {problem}") and "\n" not in str(wrong.value)
