"""Vault rotators with hvac: against the fake, and against a real server where there is one.

A real one is the server named by VAULT_ADDR and VAULT_TOKEN, or the program
`bao` or `vault` on PATH, started for these tests. It is given mounts and roles
of names made for each test, and a real PostgreSQL for its database engine.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import secrets
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from detector.secret import Secret
from rotators.core.model import Leak, RotationPlan, UnexpectedState
from tests.fakes import servers
from tests.fakes import vault as fake
from tests.fakes.vault_contract import CALLS
from tests.rotators.world import Operator, policy

pytestmark = pytest.mark.net

NAMED = os.environ.get("VAULT_ADDR") and os.environ.get("VAULT_TOKEN")
KINDS = ["fake", "real"] if NAMED or shutil.which("bao") or shutil.which("vault") else ["fake"]
only_fake = pytest.mark.parametrize("server", ["fake"], indirect=True)


class Server:
    """A Vault with its address, its root client, and names nobody else uses."""

    def __init__(self, address: str, token: str, fake_: fake.Vault | None) -> None:
        import hvac

        self.address, self.fake = address, fake_
        self.root: Any = hvac.Client(url=address, token=token)
        self.name = f"leakfirst-{secrets.token_hex(4)}"

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"address": self.address, "token_env": "OPERATOR_TOKEN", **more}

    def client(self, token: str) -> Any:
        import hvac

        return hvac.Client(url=self.address, token=token)

    def need(self, kind: str, name: str) -> None:
        """Mount what the test needs; a mount that is there already is fine."""
        import hvac.exceptions as hv

        enable = self.root.sys.enable_auth_method if kind == "auth" else self.root.sys.enable_secrets_engine
        options = {"options": {"version": "2"}} if name == "kv" else {}
        try:
            enable(name, path="secret" if name == "kv" else name, **options)
        except hv.InvalidRequest as error:
            if "already in use" not in str(error):
                raise


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[str, str]]:
    """Address and root token of a real server."""
    if NAMED:
        yield os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"]
    else:
        with servers.vault() as found:
            yield found


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    if request.param == "real":
        address, token = request.getfixturevalue("real")
        monkeypatch.setenv("OPERATOR_TOKEN", token)
        yield Server(address, token, None)
        return
    monkeypatch.setenv("OPERATOR_TOKEN", fake.ROOT)
    with fake.running() as (address, vault):
        yield Server(address, fake.ROOT, vault)
        assert_contract(vault)


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A user of a database that the server's database engine may change; the fake keeps its own."""
    if server.fake is not None:
        yield "app"
        return
    server.need("secrets", "database")
    with servers.postgresql("of-the-engine") as port:
        server.root.secrets.database.configure(
            "db",
            "postgresql-database-plugin",
            allowed_roles="*",
            connection_url=f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{port}/postgres?sslmode=disable",
            username="keeper",
            password="of-the-engine",
        )
        make = "create role \"{{name}}\" login password '{{password}}' valid until '{{expiration}}'"
        server.root.secrets.database.create_role("app", "db", [make], default_ttl="1h")
        yield "app"
        server.root.sys.disable_secrets_engine("database")


def assert_contract(vault: fake.Vault) -> None:
    """Every call has a published path and method, and no field that is not published there."""
    shapes = [(method, re.compile(_pattern(path)), fields) for (method, path), fields in CALLS.items()]
    for call in vault.calls:
        method = {"PUT": "post", "LIST": "list"}.get(call.method, call.method.lower())
        matching = [fields for name, shape, fields in shapes if name == method and shape.match("/" + call.path)]
        assert matching, f"{call.method} {call.path} is not in the contract"
        assert any(call.fields <= fields for fields in matching), f"{call} has fields the contract does not know"


def _pattern(path: str) -> str:
    parts = re.split(r"(\{\w+\})", path.rstrip("/"))
    shaped = "".join(
        "(.+)" if part == "{path}" else "([^/]+)" if part.startswith("{") else re.escape(part) for part in parts
    )
    return f"^{shaped}/?$"


def test_the_contract_table_is_what_the_api_description_says() -> None:
    beside = pathlib.Path(__file__).parents[2].parent / "shared" / "contracts"
    path = pathlib.Path(os.environ.get("LEAKFIRST_VAULT_OPENAPI", beside / "vault-openapi.json"))
    if not path.exists():
        pytest.skip("no copy of the API description here; set LEAKFIRST_VAULT_OPENAPI")
    description = json.loads(path.read_text())
    for (method, name), fields in CALLS.items():
        spellings = (name + "/", name) if method == "list" else (name,)
        known = next((description["paths"][each] for each in spellings if each in description["paths"]), None)
        assert known, name
        assert ("get" if method == "list" else method) in known, f"{method} {name}"
        if fields:
            content = known[method]["requestBody"]["content"]["application/json"]["schema"]
            schema = description["components"]["schemas"][content["$ref"].rsplit("/", 1)[1]]
            assert fields <= set(schema["properties"]), name


@pytest.fixture
def kv(server: Server) -> str:
    """A place in KV where consumers read."""
    server.need("secrets", "kv")
    server.root.secrets.kv.v2.create_or_update_secret(
        server.name, {"other": "stays", "value": "before"}, mount_point="secret"
    )
    return server.name


def read(server: Server, path: str) -> dict[str, str]:
    answer = server.root.secrets.kv.v2.read_secret_version(path, mount_point="secret", raise_on_deleted_version=True)
    found: dict[str, str] = answer["data"]["data"]
    return found


def finish(operator: Operator, ending: str = "finished") -> RotationPlan:
    plan = operator.approved()
    assert operator.finish(plan).state == ending
    assert operator.journal.check() == []
    return plan


def parent_token(server: Server) -> str:
    """Return a token that may make children."""
    rule = 'path "auth/token/create" { capabilities = ["update"] }'
    server.root.write_data(f"sys/policies/acl/{server.name}", data={"policy": rule})
    token: str = server.root.auth.token.create(policies=[server.name])["auth"]["client_token"]
    return token


def test_a_service_token_is_replaced_and_dies_with_its_children(
    server: Server, kv: str, tmp_path: pathlib.Path
) -> None:
    server.root.write(
        f"auth/token/roles/{server.name}", orphan=True, renewable=True, allowed_policies=["default", server.name]
    )
    leaked = parent_token(server)
    child = server.client(leaked).auth.token.create(policies=["default"])["auth"]["client_token"]
    settings = server.settings(role=server.name)
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    operator = Operator(
        str(tmp_path), policy("vault-token", settings, places), Leak("vault.token", "lf1:t", Secret(leaked.encode()))
    )
    finish(operator)
    fresh = read(server, kv)
    assert fresh["other"] == "stays"
    assert server.client(fresh["value"]).auth.token.lookup_self()["data"]["display_name"] == "token-token"
    assert not server.client(leaked).is_authenticated()
    assert not server.client(child).is_authenticated()


def test_a_batch_token_becomes_a_step_for_a_person(server: Server, tmp_path: pathlib.Path) -> None:
    leaked = server.root.auth.token.create(policies=["default"], type="batch", ttl="1h", renewable=False)["auth"]
    operator = Operator(
        str(tmp_path),
        policy("vault-token", server.settings()),
        Leak("vault.batch", "lf1:b", Secret(leaked["client_token"].encode())),
    )
    plan = operator.approved()
    assert [step.kind for step in plan.steps] == ["person", "prove-dead"]
    assert "cannot be revoked" in dict(plan.facts)["limits"]
    assert operator.run(plan).apply().state == "needs-person"


def test_an_unknown_token_is_not_taken_for_a_revoked_one(server: Server, tmp_path: pathlib.Path) -> None:
    leak = Leak("vault.token", "lf1:u", Secret(b"hvs." + secrets.token_hex(12).encode()))
    with pytest.raises(UnexpectedState, match="does not know"):
        Operator(str(tmp_path), policy("vault-token", server.settings()), leak).plan()


def approle(server: Server) -> tuple[str, str]:
    server.need("auth", "approle")
    server.root.auth.approle.create_or_update_approle(server.name, token_policies=["default"])
    role_id = server.root.auth.approle.read_role_id(server.name)["data"]["role_id"]
    made = server.root.auth.approle.generate_secret_id(server.name, metadata={"consumer": "billing"})
    return role_id, made["data"]["secret_id"]


def test_a_secret_id_is_replaced_and_its_tokens_are_swept(server: Server, kv: str, tmp_path: pathlib.Path) -> None:
    role_id, leaked = approle(server)
    login = server.root.auth.approle.login
    thief = login(role_id, leaked, use_token=False)["auth"]["client_token"]
    other_id = server.root.auth.approle.generate_secret_id(server.name, metadata={"consumer": "mail"})["data"][
        "secret_id"
    ]
    other = login(role_id, other_id, use_token=False)["auth"]["client_token"]
    settings = server.settings(role=server.name)
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    leak = Leak("vault.approle", "lf1:a", Secret(leaked.encode()))
    operator = Operator(str(tmp_path), policy("vault-approle", settings, places), leak)
    plan = operator.approved()
    executor = operator.run(plan)
    assert dict(plan.facts)["tokens to sweep"] == "1"
    assert executor.apply().state == "finished"
    assert not server.client(thief).is_authenticated()
    assert server.client(other).is_authenticated()
    assert login(role_id, read(server, kv)["secret_id"], use_token=False)["auth"]["client_token"]
    with pytest.raises(Exception, match="invalid"):
        login(role_id, leaked, use_token=False)


def test_tokens_that_cannot_be_told_apart_are_not_called_dead(
    server: Server, kv: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rotators import vault_approle

    server.need("auth", "approle")
    make = server.root.auth.approle
    make.create_or_update_approle(server.name, token_policies=["default"])
    leaked = make.generate_secret_id(server.name)["data"]["secret_id"]
    role_id = make.read_role_id(server.name)["data"]["role_id"]
    make.generate_secret_id(server.name)
    token = make.login(role_id, leaked, use_token=False)["auth"]["client_token"]
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    settings = server.settings(role=server.name)
    operator = Operator(
        str(tmp_path),
        policy("vault-approle", settings, places),
        Leak("vault.approle", "lf1:a", Secret(leaked.encode())),
    )
    monkeypatch.setattr(vault_approle, "MOST_LOOK_UPS", 0)
    plan = operator.approved()
    assert "cannot be told apart" not in dict(plan.facts)["tokens to sweep"]
    outcome = operator.finish(plan)
    assert outcome.state == "ended" and "sessions unknown: which tokens" in outcome.why
    assert server.client(token).is_authenticated(), "an observer sees why"


def test_a_plan_for_a_server_with_many_tokens_counts_and_looks_none_of_them_up(
    server: Server, kv: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rotators import vault_approle

    _, leaked = approle(server)
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    leak = Leak("vault.approle", "lf1:a", Secret(leaked.encode()))
    operator = Operator(str(tmp_path), policy("vault-approle", server.settings(role=server.name), places), leak)
    monkeypatch.setattr(vault_approle, "MOST_LOOK_UPS", 0)
    monkeypatch.setattr(vault_approle.vault, "find_accessors", None)
    assert dict(operator.plan().facts)["tokens to sweep"].startswith("not counted: the server has ")


def test_a_kv_value_gets_a_new_version_and_the_leaked_ones_are_destroyed(
    server: Server, kv: str, tmp_path: pathlib.Path
) -> None:
    kv2 = server.root.secrets.kv.v2
    settings = server.settings(path=kv, field="value")
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    operator = Operator(
        str(tmp_path), policy("vault-kv", settings, places), Leak("vault.kv", "lf1:k", Secret(b"before"))
    )
    plan = operator.approved(rotator_name="vault-kv")
    assert operator.run(plan).apply().state == "waiting"
    versions = kv2.read_secret_metadata(kv, mount_point="secret")["data"]["versions"]
    assert versions["1"]["deletion_time"] and not versions["1"]["destroyed"]
    outcome = operator.finish(plan)
    assert outcome.state == "ended" and "service unknown" in outcome.why, "nobody can try a value of KV"
    assert read(server, kv)["value"] != "before"
    assert kv2.read_secret_metadata(kv, mount_point="secret")["data"]["versions"]["1"]["destroyed"]


def test_a_kv_rotation_is_undone_with_the_old_value_current(server: Server, kv: str, tmp_path: pathlib.Path) -> None:
    settings = server.settings(path=kv, field="value")
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    operator = Operator(
        str(tmp_path), policy("vault-kv", settings, places), Leak("vault.kv", "lf1:k", Secret(b"before"))
    )
    plan = operator.approved(rotator_name="vault-kv")
    operator.run(plan).apply()
    assert operator.run(plan).undo().state == "rolled-back"
    assert read(server, kv) == {"other": "stays", "value": "before"}


def test_somebody_elses_write_to_kv_stops_the_run(server: Server, kv: str, tmp_path: pathlib.Path) -> None:
    settings = server.settings(path=kv, field="value")
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    operator = Operator(
        str(tmp_path), policy("vault-kv", settings, places), Leak("vault.kv", "lf1:k", Secret(b"before"))
    )
    plan = operator.approved(rotator_name="vault-kv")
    server.root.secrets.kv.v2.create_or_update_secret(kv, {"value": "an operator's"}, mount_point="secret")
    with pytest.raises(UnexpectedState, match="changed since the plan"):
        operator.run(plan).apply()
    assert read(server, kv) == {"value": "an operator's"}


def test_a_transit_key_gets_a_version_and_the_old_one_stops_decrypting(server: Server, tmp_path: pathlib.Path) -> None:
    server.need("secrets", "transit")
    transit = server.root.secrets.transit
    transit.create_key(server.name)
    old = transit.encrypt_data(server.name, plaintext="b2xk")["data"]["ciphertext"]
    settings = server.settings(key=server.name)
    leak = Leak("vault.transit", "lf1:x", Secret(server.name.encode()))
    operator = Operator(str(tmp_path), policy("vault-transit", settings), leak)
    plan = operator.approved()
    assert operator.run(plan).apply().state == "waiting"
    assert transit.decrypt_data(server.name, old)["data"]["plaintext"] == "b2xk"
    assert transit.encrypt_data(server.name, plaintext="bmV3")["data"]["ciphertext"].startswith("vault:v2:")
    assert operator.finish(plan).state == "finished"
    with pytest.raises(Exception, match="disallowed"):
        transit.decrypt_data(server.name, old)


def test_a_userpass_password_is_replaced_and_its_logins_end(server: Server, kv: str, tmp_path: pathlib.Path) -> None:
    server.need("auth", "userpass")
    userpass = server.root.auth.userpass
    userpass.create_or_update_user(server.name, password="before-rotation", policies="default")
    thief = userpass.login(server.name, "before-rotation", use_token=False)["auth"]["client_token"]
    settings = server.settings(user=server.name)
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    leak = Leak("vault.userpass", "lf1:p", Secret(b"before-rotation"))
    finish(Operator(str(tmp_path), policy("vault-userpass", settings, places), leak))
    fresh = read(server, kv)
    assert userpass.login(fresh["username"], fresh["password"], use_token=False)
    assert not server.client(thief).is_authenticated()
    with pytest.raises(Exception, match="invalid"):
        userpass.login(server.name, "before-rotation", use_token=False)


def test_a_static_database_password_is_rotated_by_vault(
    server: Server, database: str, kv: str, tmp_path: pathlib.Path
) -> None:
    server.root.secrets.database.create_static_role(server.name, "db", database, [], rotation_period=3600)
    leaked = server.root.secrets.database.get_static_credentials(server.name)["data"]["password"]
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    leak = Leak("vault.database", "lf1:d", Secret(leaked.encode()))
    operator = Operator(str(tmp_path), policy("vault-database", server.settings(), places), leak)
    plan = finish(operator)
    assert not plan.steps[0].reversible
    now = server.root.secrets.database.get_static_credentials(server.name)["data"]["password"]
    assert now != leaked
    assert read(server, kv)["password"] == now


def test_a_lease_is_proven_dead_although_revocation_is_queued(
    server: Server, database: str, kv: str, tmp_path: pathlib.Path
) -> None:
    lease = server.root.secrets.database.generate_credentials(database)
    settings = server.settings(lease_id=lease["lease_id"], creds_path="database/creds/app")
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    leak = Leak("vault.lease", "lf1:l", Secret(lease["data"]["password"].encode()))
    operator = Operator(str(tmp_path), policy("vault-lease", settings, places), leak)
    finish(operator, "ended")  # the new login is not tried
    if server.fake is not None:  # a real one is done before anybody can ask
        assert len(operator.time.slept) >= 2
        held = list(server.fake.leases)
    else:
        prefix = f"database/creds/{database}/"
        held = [prefix + key for key in server.root.sys.list_leases(prefix)["data"]["keys"]]
    assert lease["lease_id"] not in held
    assert len(held) == 1


@only_fake
def test_the_aws_engine_replaces_its_root_key(server: Server, tmp_path: pathlib.Path) -> None:
    assert server.fake is not None
    server.fake.aws_root = {"access_key": "AKIA" + "A" * 16}
    leak = Leak("aws.access-key", "lf1:r", Secret(b"AKIA" + b"A" * 16))
    operator = Operator(str(tmp_path), policy("vault-aws-engine", server.settings()), leak)
    plan = operator.approved(rotator_name="vault-aws-engine")
    assert operator.finish(plan).state == "finished"
    assert server.fake.aws_root["access_key"] != "AKIA" + "A" * 16


@only_fake
def test_a_token_that_a_lost_answer_left_behind_is_found_and_ended(
    server: Server, kv: str, tmp_path: pathlib.Path
) -> None:
    server.root.write(f"auth/token/roles/{server.name}", orphan=True)
    leaked = parent_token(server)
    places = {"kv": ("vault-kv", server.settings(path=kv))}
    leak = Leak("vault.token", "lf1:t", Secret(leaked.encode()))
    operator = Operator(str(tmp_path), policy("vault-token", server.settings(role=server.name), places), leak)
    plan = operator.approved()
    assert server.fake is not None
    before = set(server.fake.tokens)

    def lose(method: str, path: str) -> None:
        if path.startswith("auth/token/create/"):
            raise ConnectionError

    server.fake.after = lose
    with pytest.raises(Exception, match="may have acted"):
        operator.run(plan).apply()
    (stray,) = set(server.fake.tokens) - before
    server.fake.after = lambda method, path: None
    assert operator.run(plan).resume().state == "finished"
    assert stray not in server.fake.tokens
    assert read(server, kv)["value"] in server.fake.tokens
