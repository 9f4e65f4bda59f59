"""On a real server: a replacement is the equal of what it replaces, and what may outlive a token is not called ended."""

from __future__ import annotations

import pathlib
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from detector.secret import Secret
from rotators.core import vault_tokens
from rotators.core.model import Leak, UnexpectedState
from tests.fakes import servers
from tests.rotators.world import Operator, policy

pytestmark = pytest.mark.net

POLICY = 'path "{path}" {{ capabilities = ["read", "update"] }}'


class Server:
    def __init__(self, address: str, token: str) -> None:
        import hvac

        self.address, self.name = address, f"leakfirst-{secrets.token_hex(4)}"
        self.root: Any = hvac.Client(url=address, token=token)

    def client(self, token: str) -> Any:
        import hvac

        return hvac.Client(url=self.address, token=token)

    def make_token(self, *paths: str, **more: Any) -> str:
        """Return a token of a policy for *paths*, made by root."""
        text = "\n".join(POLICY.format(path=path) for path in paths)
        self.root.write_data(f"sys/policies/acl/{self.name}", data={"policy": text})
        made = self.root.auth.token.create(policies=[self.name, "default"], no_parent=True, **more)
        return str(made["auth"]["client_token"])

    def make_role(self, **more: Any) -> None:
        self.root.write_data(
            f"auth/token/roles/{self.name}", data={"allowed_policies": [self.name, "default"], "orphan": True, **more}
        )

    def operator(self, folder: pathlib.Path, leaked: str, rotator: str = "vault-token", **settings: Any) -> Operator:
        self.root.secrets.kv.v2.create_or_update_secret(self.name, {"value": "before"}, mount_point="secret")
        mine = {"address": self.address, "token_env": "OPERATOR_TOKEN"}
        places = {"kv": ("vault-kv", {**mine, "path": self.name})} if "role" in settings else {}
        rules = policy(rotator, {**mine, **settings}, places)
        return Operator(str(folder), rules, Leak("vault.token", f"lf1:{self.name}", Secret(leaked.encode())))

    def stored(self) -> str:
        answer = self.root.secrets.kv.v2.read_secret_version(
            self.name, mount_point="secret", raise_on_deleted_version=True
        )
        return str(answer["data"]["data"]["value"])


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[str, str]]:
    with servers.vault() as found:
        yield found


@pytest.fixture
def server(real: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("OPERATOR_TOKEN", real[1])
    return Server(*real)


def test_the_new_token_is_as_the_old_one(server: Server, tmp_path: pathlib.Path) -> None:
    server.make_role()
    leaked = server.make_token("secret/data/x", ttl="2h", display_name="billing", meta={"team": "pay"})
    operator = server.operator(tmp_path, leaked, role=server.name)
    outcome = operator.finish(operator.approved())
    assert outcome.state == "finished", outcome.why
    old = {"creation_ttl": 7200, "display_name": "token-billing", "meta": {"team": "pay"}, "type": "service"}
    new = server.client(server.stored()).auth.token.lookup_self()["data"]
    assert {name: vault_tokens.describe(new)[name] for name in old} == old
    assert set(new["policies"]) == {server.name, "default"}


def test_a_role_that_shortens_the_new_token_stops_before_the_consumers(server: Server, tmp_path: pathlib.Path) -> None:
    server.make_role(token_explicit_max_ttl="1h", renewable=False)
    leaked = server.make_token("secret/data/x", ttl="2h")
    operator = server.operator(tmp_path, leaked, role=server.name)
    plan = operator.approved()
    with pytest.raises(UnexpectedState, match="creation_ttl is 3600 instead of 7200") as stopped:
        operator.run(plan).apply()
    assert "renewable is nothing instead of True" in str(stopped.value)
    assert server.stored() == "before"
    assert operator.run(plan).undo().state == "rolled-back"
    wanted = ["explicit_max_ttl", "renewable", "creation_ttl", "ttl"]
    accepting = server.operator(tmp_path / "2", leaked, role=server.name, accept_differences=wanted)
    assert accepting.finish(accepting.approved()).state == "finished"


def test_a_token_that_would_end_with_ours_is_not_made(server: Server, tmp_path: pathlib.Path) -> None:
    server.make_role(orphan=False)
    operator = server.operator(tmp_path, server.make_token("secret/data/x"), role=server.name)
    with pytest.raises(UnexpectedState, match="makes no orphans"):
        operator.run(operator.approved()).apply()


def test_the_new_token_outlives_the_operators(
    server: Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.make_role()
    leaked = server.make_token("secret/data/x")
    mine = server.root.auth.token.create(policies=["root"])["auth"]["client_token"]
    monkeypatch.setenv("OPERATOR_TOKEN", mine)
    operator = server.operator(tmp_path, leaked, role=server.name)
    assert operator.finish(operator.approved()).state == "finished"
    server.root.auth.token.revoke(mine)
    assert server.client(server.stored()).is_authenticated()


def test_limited_uses_have_to_be_named(server: Server, tmp_path: pathlib.Path) -> None:
    server.make_role()
    leaked = server.make_token("secret/data/x", num_uses=9)
    operator = server.operator(tmp_path, leaked, role=server.name)
    with pytest.raises(UnexpectedState, match="set num_uses"):
        operator.run(operator.approved()).apply()


def test_a_token_that_could_make_orphans_leaves_a_question(server: Server, tmp_path: pathlib.Path) -> None:
    leaked = server.make_token("auth/token/create-orphan")
    operator = server.operator(tmp_path, leaked)
    plan = operator.approved()
    thief = server.client(leaked).auth.token.create_orphan(policies=["default"])["auth"]["client_token"]
    outcome = operator.finish(plan)
    while outcome.state == "needs-person" and outcome.step == "person":
        outcome = operator.run(plan).resume(person_done=True)
    assert outcome.state == "ended"
    assert "strangers unknown: it may have made what outlives it by auth/token/create-orphan" in outcome.why
    assert server.client(thief).is_authenticated(), "an observer sees why"


def test_what_may_not_be_asked_is_not_known(server: Server, tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    leaked = server.make_token("secret/data/x")
    rights = ("auth/token/lookup", "auth/token/lookup-accessor", "auth/token/revoke-accessor")
    other = Server(server.address, server.root.token)
    monkeypatch.setenv("OPERATOR_TOKEN", other.make_token(*rights))
    operator = server.operator(tmp_path, leaked)
    plan = operator.approved()
    outcome = operator.finish(plan)
    if outcome.step == "person":
        outcome = operator.run(plan).resume(person_done=True)
    assert "strangers unknown" in outcome.why and "sessions unknown" in outcome.why


def test_a_lease_whose_revocation_fails_is_open(server: Server, tmp_path: pathlib.Path) -> None:
    with servers.postgresql("of-the-engine") as port:
        server.root.sys.enable_secrets_engine("database", path=server.name)
        where = f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{port}/postgres?sslmode=disable"
        login = {"connection_url": where, "username": "keeper", "password": "of-the-engine", "allowed_roles": "*"}
        server.root.write_data(f"{server.name}/config/db", data={"plugin_name": "postgresql-database-plugin", **login})
        make = "create role \"{{name}}\" login password '{{password}}'"
        role = {
            "db_name": "db",
            "creation_statements": make,
            "revocation_statements": "select 1/0",
            "default_ttl": "1h",
        }
        server.root.write_data(f"{server.name}/roles/app", data=role)
        leaked = server.make_token(f"{server.name}/creds/app")
        operator = server.operator(tmp_path, leaked)
        plan = operator.approved()
        server.client(leaked).read(f"{server.name}/creds/app")
        outcome = operator.finish(plan)
        if outcome.step == "person":
            outcome = operator.run(plan).resume(person_done=True)
        assert not server.client(leaked).is_authenticated()
        assert "value closed" in outcome.why
        assert outcome.state == "needs-person" and "1 leases under" in outcome.why, outcome.why


def test_a_batch_token_is_open_until_its_end(server: Server, tmp_path: pathlib.Path) -> None:
    made = server.root.auth.token.create(policies=["default"], type="batch", ttl="8s", renewable=False)["auth"]
    operator = server.operator(tmp_path, made["client_token"])
    operator.policy = operator.policy._replace(limits=operator.policy.limits._replace(proof_within=2))
    plan = operator.approved()
    assert operator.run(plan).apply().step == "person"
    with pytest.raises(UnexpectedState, match="still works"):
        operator.run(plan).resume(person_done=True)
    time.sleep(9)
    outcome = operator.run(plan).resume()
    assert outcome.state == "ended" and "value closed" in outcome.why and "sessions unknown" in outcome.why


def test_a_lease_that_somebody_forced_out_is_not_called_dead(server: Server, tmp_path: pathlib.Path) -> None:
    with servers.postgresql("of-the-engine") as port:
        server.root.sys.enable_secrets_engine("database", path=server.name)
        where = f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{port}/postgres?sslmode=disable"
        login = {"connection_url": where, "username": "keeper", "password": "of-the-engine", "allowed_roles": "*"}
        server.root.write_data(f"{server.name}/config/db", data={"plugin_name": "postgresql-database-plugin", **login})
        make = "create role \"{{name}}\" login password '{{password}}'"
        for forced in (True, False):
            role = {"db_name": "db", "creation_statements": make}
            role |= {"revocation_statements": "select 1/0"} if forced else {}
            server.root.write_data(f"{server.name}/roles/app-{forced}", data=role)
            given = server.root.read(f"{server.name}/creds/app-{forced}")
            leak = given["data"]["password"]
            operator = server.operator(tmp_path / str(forced), leak, "vault-lease", lease_id=given["lease_id"])
            plan = operator.approved(rotator_name="vault-lease")
            if forced:
                server.root.sys.revoke_force(f"{server.name}/creds/app-{forced}")
            outcome = operator.finish(plan)
            if outcome.step == "person":
                outcome = operator.run(plan).resume(person_done=True)
            assert ("value unknown" in outcome.why) is forced, outcome.why
            assert log_in(port, given["data"]["username"], leak) is forced, "an observer sees why"


def log_in(port: int, user: str, password: str) -> bool:
    import psycopg

    try:
        psycopg.connect(f"host=127.0.0.1 port={port} user={user} password={password} dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("alike", [True, False])
def test_secret_ids_with_equal_metadata_are_not_told_apart(server: Server, tmp_path: pathlib.Path, alike: bool) -> None:
    root = server.root
    root.sys.enable_auth_method("approle", path=server.name)
    approle = root.auth.approle
    approle.create_or_update_approle("app", mount_point=server.name, token_policies=["default"])
    make = {"mount_point": server.name, "cidr_list": ["127.0.0.0/8"]}
    leaked = approle.generate_secret_id("app", metadata={"team": "pay"}, **make)["data"]["secret_id"]
    second = approle.generate_secret_id("app", metadata={"team": "pay" if alike else "mail"}, **make)["data"][
        "secret_id"
    ]
    role_id = approle.read_role_id("app", mount_point=server.name)["data"]["role_id"]
    other = approle.login(role_id, second, use_token=False, mount_point=server.name)["auth"]["client_token"]
    operator = server.operator(tmp_path, leaked, "vault-approle", role="app", mount=server.name)
    places = operator.policy.destinations["kv"]
    fields = {**places.settings, "fields": {"secret_id": "value"}}
    operator.policy = operator.policy._replace(destinations={"kv": places._replace(settings=fields)})
    outcome = operator.finish(operator.approved(rotator_name="vault-approle"))
    assert server.client(other).is_authenticated(), "a token of another secret-id"
    assert outcome.state == ("ended" if alike else "finished"), outcome.why
    assert ("1 others" in outcome.why or "2 others" in outcome.why) is alike, outcome.why
    new = approle.read_secret_id("app", server.stored(), mount_point=server.name)["data"]
    assert new["cidr_list"] == ["127.0.0.0/8"]
