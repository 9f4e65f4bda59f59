"""The contract that every rotator in the folder fulfils, by what its provider knows rather than by what it says."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core import catalogue, contracts
from rotators.core.catalogue import PACKAGE, get_capability, list_rotators, load_rotator, open_rotator
from rotators.core.contracts import Handles, Rotator, RotatorModule, Values
from rotators.core.journal import format_time
from rotators.core.model import (
    Capability,
    Case,
    Clock,
    Leak,
    NewCredential,
    Overlap,
    ProofState,
    StepKind,
    ValueSource,
)
from tests.fakes import hosted_providers, vault
from tests.protocols import check_with_mypy
from tests.rotators.test_hosted_providers import KINDS, Bench, running  # noqa: F401 (a fixture)
from tests.rotators.world import Aws, secret_text

pytestmark = pytest.mark.net

CLOCK = Clock(time.time, lambda seconds: None)

ELSEWHERE = {
    "aws-sts": "test_aws_more: a session of a role, which only one emulator knows",
    "aws-rotate-secret": "test_aws_more: somebody else makes the value",
    "aws-service-credential": "no emulator has its calls",
    "rds-master": "test_aws_more: RDS gives no password out",
    "ses-smtp": "test_aws_more: a key of aws-iam",
    "vault-aws-engine": "test_vault: a key of the engine itself",
    "vault-kv": "test_vault: the store writes the new value",
    "vault-lease": "test_vault: reissues nothing",
    "vault-transit": "test_vault: a key that never leaves the server",
    "command": "test_own: the operator's own program",
    "webhook": "test_own: the operator's own service",
    "runbook": "calls nothing",
}
"""Rotators without a world here, and where they are tested."""


class World(NamedTuple):
    """A leaked credential at a provider that is played here."""

    leak: Leak
    settings: Mapping[str, Any]
    is_alive: Callable[[str], bool]
    main: str = "value"
    """The field whose value `is_alive` knows."""

    def case(self) -> Case:
        return Case("a" * 32, self.leak, self.settings, {}, CLOCK)


VAULT = {
    "vault-token": ({"role": "maker"}, "value"),
    "vault-approle": ({"role": "app"}, "secret_id"),
    "vault-userpass": ({"user": "app"}, "password"),
    "vault-database": ({"role": "app"}, "password"),
}


def vault_world(name: str, stack: ExitStack) -> World:
    address, server = stack.enter_context(vault.running())
    leaked = secret_text()
    server.token_roles["maker"] = {"orphan": True}
    server.tokens[leaked] = server.token("auth/token/create", ["default"])
    server.users["app"] = {"password": leaked, "token_policies": []}
    server.static["app"] = {"username": "app", "password": leaked}
    secret_id = {"secret_id_accessor": "a1", "metadata": {}, "creation_time": ""}
    server.approles["app"] = {"role_id": "r1", "ids": {leaked: secret_id}}
    settings, main = VAULT[name]

    def is_alive(value: str) -> bool:
        known: dict[str, Any] = {
            "vault-token": server.tokens,
            "vault-approle": server.approles["app"]["ids"],
            "vault-userpass": [server.users["app"]["password"]],
            "vault-database": [server.static["app"]["password"]],
        }
        return value in known[name]

    leak = Leak("vault.some-kind", "lf1:v", Secret(leaked.encode()))
    return World(leak, {"address": address, "token_env": "OPERATOR_TOKEN", **settings}, is_alive, main)


def aws_world(aws: Aws) -> World:
    leak = aws.plant()
    settings = aws.settings(end_sessions=False, prove_by_use=False)
    return World(leak, settings, lambda value: aws.keys().get(value) == "Active", "access_key_id")


@pytest.fixture
def make_world(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], World]]:
    with ExitStack() as stack:

        def make(name: str) -> World:
            if name == "aws-iam":
                return aws_world(request.getfixturevalue("aws"))
            if name in VAULT:
                monkeypatch.setenv("OPERATOR_TOKEN", vault.ROOT)
                return vault_world(name, stack)
            monkeypatch.setenv("OPERATOR_TOKEN", hosted_providers.ADMIN)
            bench = Bench(name, request.getfixturevalue("running"), tmp_path)
            leaked = bench.service.old.value

            def is_alive(value: str) -> bool:
                return any(key.value == value for key in bench.service.listed() if key.alive)

            assert is_alive(leaked)
            settings = bench.operator.policy.rotators[name]
            return World(bench.operator.leak, settings, is_alive, KINDS[name].field)

        yield make


def check_rotator(rotator: Rotator, capability: Capability, world: World) -> None:
    """Raise `AssertionError` unless the rotator keeps its promises; everything is done twice, as after a crash."""
    leaked = world.leak.secret.reveal().decode()
    handles = rotator.case.handles
    identity = rotator.identify()
    assert identity == rotator.identify(), "identify does not repeat itself"
    assert identity.handle and identity.account, "identify names no handle or no account"
    handles["handle"] = identity.handle
    capability = rotator.narrow(capability)
    handles |= {f"before.{name}": value for name, value in rotator.preconditions().items()}
    assert rotator.preconditions() == {name[7:]: handles[name] for name in handles if name.startswith("before.")}
    for called in (rotator.blast_radius, rotator.unprovable, lambda: rotator.used_since(0.0)):
        called()  # type: ignore[operator]
    assert world.is_alive(leaked), "looking ended the credential"
    new = check_create(rotator, capability, world, leaked) if capability.can_reissue else None
    rotator.promote()
    assert new is None or world.is_alive(new), "the new credential does not work"
    if new is not None and capability.overlap == Overlap.NONE:
        return  # a plan has no further step
    if capability.can_contain or capability.can_delete or capability.reversible_disable:
        assert rotator.calls(StepKind.DISABLE), "the plan does not show what disable calls"
        for _ in range(2):
            handles |= rotator.disable()
            assert not world.is_alive(leaked), "disable did not end the credential"
    assert rotator.verify_dead().state != ProofState.ALIVE, "verify_dead calls a dead credential alive"
    if capability.can_delete and capability.reversible_disable:
        for _ in range(2):
            rotator.delete()
    if new is not None:
        assert world.is_alive(new), "the new credential does not work in the end"


def check_create(rotator: Rotator, capability: Capability, world: World, leaked: str) -> str:
    if capability.value_source == ValueSource.PROVIDER:
        assert rotator.calls(StepKind.MINT), "the plan does not show what create calls"
    rotator.preflight()
    ours = rotator.generate() if capability.value_source == ValueSource.CLIENT else {}
    handles = rotator.case.handles
    handles |= {"mint.started": format_time(time.time()), **rotator.before_create()}
    made = rotator.create(ours)
    values = ours or made.values
    assert set(values) == set(rotator.fields), "create does not return the fields that it promises"
    hidden = [value.reveal().decode() for name, value in values.items() if name not in rotator.public]
    assert not any(value in text for value in hidden for text in made.handles.values()), "a handle holds a value"
    assert rotator.verify_new(values).state != ProofState.DEAD, "verify_new calls the new credential dead"
    assert world.is_alive(leaked) == (capability.overlap == Overlap.DUAL), "overlap is not what the capability says"
    rotator.case.handles.update(made.handles)
    return values[world.main].reveal().decode()


HERE = sorted({*KINDS, *VAULT, "aws-iam"})


def test_every_rotator_has_a_world_here_or_a_reason() -> None:
    assert sorted(list_rotators()) == sorted([*HERE, *ELSEWHERE]), "a rotator without a test of its contract"


def test_mypy_accepts_every_rotator() -> None:
    check_with_mypy(PACKAGE, RotatorModule, list_rotators())


@pytest.mark.parametrize("name", list_rotators())
def test_every_rotator_fulfils_its_protocols(name: str) -> None:
    module = load_rotator(name)
    leak = Leak("x", "lf1:x", Secret(b"AKIA" + b"B" * 16), {"sid": Secret(b"SK" + b"0" * 32)})
    settings = dict.fromkeys(("user", "secret", "instance", "path", "role", "mount", "kind", "project"), "x")
    assert contracts.Rotator in type(open_rotator(name, Case("run", leak, settings, {}, CLOCK))).__mro__
    assert all(isinstance(glob, str) for glob in module.SERVES)


@pytest.mark.parametrize("name", HERE)
def test_every_rotator_keeps_its_promises(name: str, make_world: Callable[[str], World]) -> None:
    world = make_world(name)
    check_rotator(open_rotator(name, world.case()), get_capability(name), world)


def _end_nothing(self: Rotator) -> Handles:
    return {}


def _make_another_field(self: Rotator, values: Values) -> NewCredential:
    return NewCredential({"another": Secret(b"canary")}, {})


@pytest.mark.parametrize(
    ("name", "method", "replacement", "problem"),
    [
        ("slack", "disable", _end_nothing, "disable did not end"),
        ("openai", "disable", _end_nothing, "disable did not end"),
        ("aws-iam", "disable", _end_nothing, "disable did not end"),
        ("vault-token", "disable", _end_nothing, "disable did not end"),
        ("heroku", "create", _make_another_field, "does not return the fields"),
    ],
)
def test_a_rotator_that_breaks_its_promise_is_noticed(
    name: str,
    method: str,
    replacement: object,
    problem: str,
    make_world: Callable[[str], World],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = make_world(name)
    rotator = open_rotator(name, world.case())
    monkeypatch.setattr(type(rotator), method, replacement)
    with pytest.raises(AssertionError, match=problem):
        check_rotator(rotator, get_capability(name), world)


class _Silent(contracts.Rotator):
    def undo(self) -> None:  # type: ignore[override]
        raise AssertionError("was executed")


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({}, "SERVES is missing"),
        ({"SERVES": ["acme.*"]}, "SERVES is a list, not a tuple"),
        ({"SERVES": ("acme.*",), "CAPABILITY": {}, "Rotator": _Silent}, "CAPABILITY is no Capability"),
        ({"SERVES": ("acme.*",), "CAPABILITY": Capability()}, "Rotator() is missing"),
        ({"SERVES": ("acme.*",), "CAPABILITY": Capability(), "Rotator": _Silent}, "undo() does not take (kind)"),
    ],
)
def test_a_rotator_that_does_not_fulfil_its_protocol_is_one_line(
    members: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ModuleType("rotators.broken")
    vars(broken).update(members)
    monkeypatch.setattr(catalogue, "load_plugin", lambda *_, **__: broken)
    with pytest.raises(UsageError) as wrong:
        open_rotator("broken", Case("run", Leak("x", "lf1:x", Secret(b"x")), {}, {}, CLOCK))
    assert str(wrong.value).endswith(f": {problem}") and "\n" not in str(wrong.value)
