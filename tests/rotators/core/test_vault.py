"""What a Vault's answers prove: asked of a real OpenBao, and of servers that say something else."""

from __future__ import annotations

import http.server
import secrets
import shutil
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from detector.secret import Secret
from rotators import vault_token
from rotators.core import vault
from rotators.core.model import Case, Clock, Leak, ProofState, UnexpectedState
from tests.fakes import servers
from tests.fakes.serving import serving

pytestmark = pytest.mark.net
needs_bao = pytest.mark.skipif(not (shutil.which("bao") or shutil.which("vault")), reason="neither bao nor vault")


class Spoken(http.server.BaseHTTPRequestHandler):
    """Gives one answer to everything, and remembers the tokens that came."""

    status, body, location = 404, b"", ""
    tokens: ClassVar[list[str]] = []

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        type(self).tokens.append(self.headers.get("x-vault-token", ""))
        self.send_response(self.status)
        if self.location:
            self.send_header("location", self.location)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST = do_PUT = do_LIST = _serve

    def log_message(self, format: str, *args: Any) -> None: ...


def speak(status: int, body: bytes = b"", location: str = "") -> type[Spoken]:
    return type("Speaker", (Spoken,), {"status": status, "body": body, "location": location, "tokens": []})


def case_of(address: str, token: str, **settings: Any) -> Case:
    leak = Leak("vault.service-token", "lf1:x", Secret(token.encode()), {}, verdict="live")
    given = {"address": address, "token_env": "OPERATOR_TOKEN", **settings}
    return Case("r", leak, given, {}, Clock(time.time, lambda _: None))


def look(case: Case) -> vault_token.Rotator:
    """Return the rotator, after it has noted what a plan would note."""
    rotator = vault_token.Rotator(case)
    case.handles["handle"] = rotator.identify().handle
    return rotator


@pytest.fixture(autouse=True)
def _operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_TOKEN", "mine")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_stays(status: int) -> None:
    elsewhere = speak(200, b'{"data": {"accessor": "a"}}')
    with serving(elsewhere) as other, serving(speak(status, b"", f"{other}/v1/auth/token/lookup")) as address:
        settings = {"address": address, "token_env": "OPERATOR_TOKEN"}
        with pytest.raises(UnexpectedState, match="redirects"):
            vault.look_up_token(settings, Secret(b"hvs.leaked"))
        with pytest.raises(UnexpectedState, match="redirects"):
            vault.revoke_accessors(settings, ["a"])
        with pytest.raises(UnexpectedState, match="redirects"):
            vault.make_client(settings).secrets.kv.v2.read_secret_version("x", raise_on_deleted_version=True)
    assert elsewhere.tokens == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html>no such route</html>"),
        (400, b'{"errors": ["missing client token"]}'),
        (404, b'{"errors": ["namespace not found"]}'),
        (403, b'{"errors": ["permission denied"]}'),
        (200, b"{}"),
        (200, b"<html>bad token</html>"),
        (503, b'{"errors": ["Vault is sealed"]}'),
        (473, b'{"errors": []}'),
    ],
)
def test_an_answer_about_something_else_is_no_proof(status: int, body: bytes) -> None:
    with serving(speak(status, body)) as address:
        case = case_of(address, "hvs.leaked")
        case.handles["handle"] = "accessor"
        with pytest.raises(Exception, match=r"lookup|server"):
            vault_token.Rotator(case).verify_dead()


@pytest.fixture(scope="module")
def bao() -> Iterator[tuple[str, Any]]:
    import hvac

    with servers.vault() as (address, token):
        yield address, hvac.Client(url=address, token=token)


@pytest.fixture
def root(bao: tuple[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OPERATOR_TOKEN", bao[1].token)
    return bao[1]


@needs_bao
def test_a_token_is_dead_after_it_was_revoked_and_not_before(root: Any) -> None:
    leaked = root.auth.token.create(policies=["default"])["auth"]["client_token"]
    rotator = look(case_of(root.url, leaked))
    assert rotator.verify_dead().state == ProofState.ALIVE
    rotator.disable()
    assert rotator.verify_dead().state == ProofState.DEAD
    rotator.disable()


@needs_bao
def test_a_token_bound_to_other_addresses_lives(root: Any) -> None:
    role = f"bound-{secrets.token_hex(4)}"
    root.write_data(f"auth/token/roles/{role}", data={"token_bound_cidrs": "203.0.113.0/24", "orphan": True})
    leaked = root.auth.token.create(role_name=role, policies=["default"])["auth"]["client_token"]
    assert look(case_of(root.url, leaked)).verify_dead().state == ProofState.ALIVE


@needs_bao
def test_a_token_of_a_disabled_entity_lives(root: Any) -> None:
    import hvac

    name = f"u{secrets.token_hex(4)}"
    if "userpass/" not in root.sys.list_auth_methods():
        root.sys.enable_auth_method("userpass")
    root.auth.userpass.create_or_update_user(name, password="a-password-of-the-test")
    login = hvac.Client(url=root.url).auth.userpass.login(name, "a-password-of-the-test", use_token=False)["auth"]
    rotator = look(case_of(root.url, login["client_token"]))
    root.write_data(f"identity/entity/id/{login['entity_id']}", data={"disabled": True})
    assert not hvac.Client(url=root.url, token=login["client_token"]).is_authenticated()
    assert rotator.verify_dead().state == ProofState.ALIVE


@needs_bao
def test_the_responders_own_token_that_ended_proves_nothing(root: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    leaked = root.auth.token.create(policies=["default"])["auth"]["client_token"]
    rotator = look(case_of(root.url, leaked))
    rotator.disable()
    monkeypatch.setenv("OPERATOR_TOKEN", "hvs." + secrets.token_hex(12))
    with pytest.raises(UnexpectedState, match="operator's own token"):
        rotator.verify_dead()


@needs_bao
def test_another_server_at_the_address_stops_the_run(root: Any) -> None:
    leaked = root.auth.token.create(policies=["default"])["auth"]["client_token"]
    rotator = look(case_of(root.url, leaked))
    rotator.case.handles["before.cluster"] = "another"
    for act in (rotator.disable, rotator.verify_dead):
        with pytest.raises(UnexpectedState, match="another server"):
            act()
    assert look(case_of(root.url, leaked)).verify_dead().state == ProofState.ALIVE


@needs_bao
def test_a_token_of_a_child_namespace_is_found_and_ended_where_it_lives(root: Any) -> None:
    import hvac

    name = f"team-{secrets.token_hex(4)}"
    root.adapter.post(f"/v1/sys/namespaces/{name}")
    child = hvac.Client(url=root.url, token=root.token, namespace=name)
    leaked = child.auth.token.create(policies=["default"])["auth"]["client_token"]
    rotator = look(case_of(root.url, leaked))
    assert rotator.identify().account.endswith(f"/{name}")
    rotator.disable()
    assert rotator.verify_dead().state == ProofState.DEAD
    assert not hvac.Client(url=root.url, token=leaked, namespace=name).is_authenticated()


@needs_bao
def test_a_wrong_namespace_is_no_proof(root: Any) -> None:
    made = root.auth.token.create(policies=["default"])["auth"]
    case = case_of(root.url, made["client_token"], namespace="nobody-made-it")
    case.handles["handle"] = made["accessor"]
    with pytest.raises(UnexpectedState):
        vault_token.Rotator(case).verify_dead()
