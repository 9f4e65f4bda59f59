"""The contract that every rotator in the folder fulfils, by what its provider knows rather than by what it says."""

from __future__ import annotations

import importlib.util
import pathlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import pytest

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core import catalogue, contracts
from rotators.core.catalogue import PACKAGE, get_capability, list_rotators, load_rotator, open_rotator
from rotators.core.contracts import Handles, Rotator, RotatorModule, Values
from rotators.core.model import (
    Capability,
    Case,
    Clock,
    Leak,
    NewCredential,
)
from rotators.core.testing import World, check_rotator
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
            if name in OWN:
                return OWN[name](tmp_path)
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


def find_worlds() -> dict[str, Callable[[pathlib.Path], World]]:
    """Return `make_world` of the test files that have one: a rotator brings its world along."""
    found = {}
    for name in list_rotators():
        module = f"tests.rotators.test_{name.replace('-', '_')}"
        if importlib.util.find_spec(module) and (make := getattr(importlib.import_module(module), "make_world", None)):
            found[name] = make
    return found


OWN = find_worlds()
HERE = sorted({*KINDS, *VAULT, *OWN, "aws-iam"})


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
