"""The contract that every store in the folder fulfils, at the destination itself rather than by what the store says."""

from __future__ import annotations

import base64
import json
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from nacl.public import SealedBox

from detector.errors import UsageError
from detector.registry import load_plugin
from detector.secret import Secret
from rotators.core import catalogue
from rotators.core.catalogue import STORES, list_stores
from rotators.core.contracts import Handles, Store, StoreModule, Values
from rotators.core.field_mapping import complete_fields
from rotators.core.model import Case, Clock, Leak, StepKind
from rotators.core.provider import TokenProvider
from rotators.stores.env_file import parse_env
from tests.fakes import vault as fake_vault
from tests.protocols import check_with_mypy
from tests.rotators.stores.test_remote import Consumers, serve
from tests.rotators.test_own import PROGRAM
from tests.rotators.test_own import serve as serve_own
from tests.rotators.world import Aws

pytestmark = pytest.mark.net

OLD, NEW = "canary-old-value", "canary-new-value"


class Destination(NamedTuple):
    """A destination that holds `OLD`: the settings of its store, and how its consumers read it."""

    settings: Mapping[str, Any]
    read: Callable[[], str]


Make = Callable[["Bench"], Destination]


class Bench:
    """What the destinations of the tests need."""

    def __init__(self, folder: pathlib.Path, aws: Aws, stack: ExitStack) -> None:
        self.folder, self.aws, self.stack = folder, aws, stack


def env_file(bench: Bench) -> Destination:
    path = bench.folder / ".env"
    path.write_text(f"A=1\nTOKEN={OLD}\n")
    settings = {"path": str(path), "fields": {"value": "TOKEN"}}
    return Destination(settings, lambda: parse_env(path.read_bytes())["TOKEN"].decode())


def aws_secrets_manager(bench: Bench) -> Destination:
    client = bench.aws.client("secretsmanager")
    client.create_secret(Name=bench.aws.secret, SecretString=json.dumps({"value": OLD, "other": "stays"}))
    return Destination(
        {"secret": bench.aws.secret, "endpoint": bench.aws.url}, lambda: str(bench.aws.stored()["value"])
    )


def aws_ssm(bench: Bench) -> Destination:
    client, name = bench.aws.client("ssm"), f"/app/{bench.aws.user}"
    client.put_parameter(Name=name, Value=OLD, Type="SecureString")
    settings = {"parameter": name, "plain": True, "endpoint": bench.aws.url}
    return Destination(
        settings, lambda: str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    )


def github_actions(bench: Bench) -> Destination:
    url, consumers = bench.stack.enter_context(serve(Consumers()))
    consumers.secrets["TOKEN"] = (
        base64.b64encode(SealedBox(consumers.key.public_key).encrypt(OLD.encode())).decode(),
        1,
    )
    settings = {"endpoint": url, "repository": "o/r", "token_env": "STORE_TOKEN", "fields": {"value": "TOKEN"}}
    return Destination(
        settings, lambda: SealedBox(consumers.key).decrypt(base64.b64decode(consumers.secrets["TOKEN"][0])).decode()
    )


def gitlab_ci(bench: Bench) -> Destination:
    url, consumers = bench.stack.enter_context(serve(Consumers()))
    settings = {"endpoint": url, "project": "o/r", "token_env": "STORE_TOKEN", "fields": {"value": "TOKEN"}}
    return Destination(settings, lambda: str(consumers.variable["value"]))


def kubernetes_secret(bench: Bench) -> Destination:
    url, consumers = bench.stack.enter_context(serve(Consumers()))
    settings = {"server": url, "name": "app", "token_env": "STORE_TOKEN", "fields": {"value": "token"}}
    return Destination(settings, lambda: base64.b64decode(consumers.data["token"]).decode())


def vault_kv(bench: Bench) -> Destination:
    url, server = bench.stack.enter_context(fake_vault.running())
    fake_vault.kv_write(server, {"data": {"value": OLD, "other": "stays"}}, "", "app")
    settings = {"address": url, "token_env": "VAULT_TOKEN", "path": "app"}
    return Destination(settings, lambda: str(fake_vault.kv_read(server, {}, "", "app")["data"]["data"]["value"]))


def command(bench: Bench) -> Destination:
    state, program = bench.folder / "state.json", bench.folder / "store.py"
    state.write_text(json.dumps({"stored": OLD}))
    program.write_text(PROGRAM.format(root=str(pathlib.Path(__file__).parents[3]), state=str(state)))
    settings = {"command": [sys.executable, str(program)]}
    return Destination(settings, lambda: str(json.loads(state.read_text())["stored"]))


def webhook(bench: Bench) -> Destination:
    state = bench.folder / "state.json"
    state.write_text(json.dumps({"stored": OLD}))
    url = bench.stack.enter_context(serve_own(state))
    return Destination({"url": url, "key_env": "HOOK_KEY"}, lambda: str(json.loads(state.read_text())["stored"]))


MAKERS: dict[str, Make] = {
    name.__name__.replace("_", "-"): name
    for name in (
        env_file, aws_secrets_manager, aws_ssm, github_actions, gitlab_ci, kubernetes_secret, vault_kv, command, webhook
    )
}  # fmt: skip


@pytest.fixture
def bench(tmp_path: pathlib.Path, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name, value in (("STORE_TOKEN", "t"), ("VAULT_TOKEN", fake_vault.ROOT), ("HOOK_KEY", "shared")):
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        yield Bench(tmp_path, aws, stack)


def case(settings: Mapping[str, Any]) -> Case:
    leak = Leak("acme.key", "lf1:x", Secret(OLD.encode()))
    return Case("a" * 32, leak, complete_fields(settings, ("value",)), {}, Clock(lambda: 0.0, lambda seconds: None))


def check_store(make: Callable[[Case], Store], destination: Destination) -> None:
    """Raise `AssertionError` unless the store keeps its promises at *destination*."""
    store = make(case(destination.settings))
    new, old = {"value": Secret(NEW.encode())}, {"value": Secret(OLD.encode())}
    token = "11111111-2222-5333-8444-555555555555"
    store.preflight()
    assert destination.read() == OLD, "preflight changed the destination"
    assert store.read_back() in (None, old), "read_back does not give the current value"
    before = store.mark()
    if store.staged:
        assert store.pending(token) is None, "there is a pending value that nobody stored"
        store.put_pending(token, new)
        assert store.pending(token) == new, "the pending value is not given back"
        assert destination.read() == OLD, "a pending value is current already"
    for _ in range(2):  # every step may be repeated
        store.promote(token, new)
        assert destination.read() == NEW, "promote did not make the new value current"
    after = store.read_back()
    assert after == new or (after is None and store.mark() not in ("", before)), "nobody can tell that it was written"
    store.restore(token, old)
    assert destination.read() == OLD, "restore did not bring the old value back"
    for _ in range(2):
        store.settle(token)
    assert destination.read() == OLD, "settle changed the destination"
    assert store.calls(StepKind.PROMOTE), "the plan does not show what promote calls"


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
        catalogue.open_store("broken", case({}))
    assert str(wrong.value).endswith(f": {problem}") and "\n" not in str(wrong.value)
