"""Signing in to a real server: by AppRole, by a signed token, as a Kubernetes service account, through an agent."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core import vault, vault_login
from rotators.core.identities import IdentityRule, complete_settings
from rotators.core.model import UnexpectedState
from tests.fakes import servers
from tests.fakes import vault as fake
from tests.fakes.serving import serving

pytestmark = pytest.mark.net


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[str, Any]]:
    import hvac

    with servers.vault() as (address, token):
        yield address, hvac.Client(url=address, token=token)


@pytest.fixture(autouse=True)
def _forget() -> None:
    vault_login._SESSIONS.clear()


def sign(claims: dict[str, Any], key: Any) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    def encode(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    text = encode(b'{"alg":"RS256"}') + b"." + encode(json.dumps(claims).encode())
    return (text + b"." + encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256()))).decode()


def make_key() -> tuple[Any, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key, key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def make_certificate(key: Any) -> str:
    """Return a certificate that nobody asks for: the cluster of these tests speaks HTTP."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    name, today = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "cluster")]), datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, today, today + timedelta(2))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def who_am_i(settings: dict[str, Any]) -> str:
    found: str = vault.make_client(settings).auth.token.lookup_self()["data"]["display_name"]
    return found


def test_approle(real: tuple[str, Any], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, root = real
    root.sys.enable_auth_method("approle", path="robots")
    root.auth.approle.create_or_update_approle("responder", mount_point="robots", token_ttl="10m")
    role_id = root.auth.approle.read_role_id("responder", mount_point="robots")["data"]["role_id"]
    monkeypatch.setenv("ROLE_ID", role_id)
    secret = tmp_path / "secret-id"
    made = root.auth.approle.generate_secret_id("responder", mount_point="robots")["data"]
    secret.write_text(made["secret_id"])
    settings = {"address": address, "auth": "approle", "auth_mount": "robots", "role_id_env": "ROLE_ID"}
    settings["secret_id_file"] = str(secret)
    assert who_am_i(settings) == "robots"
    root.auth.approle.destroy_secret_id_accessor("responder", made["secret_id_accessor"], mount_point="robots")
    assert who_am_i(settings) == "robots", "the token of the first login is used again"
    (session,) = vault_login._SESSIONS.values()
    assert time.monotonic() + 300 < session.ends < time.monotonic() + 600
    vault_login._SESSIONS.clear()
    with pytest.raises(UnexpectedState, match=r"auth/robots/login: the server does not let the operator in \(HTTP 400"):
        who_am_i(settings)


def test_who_signs_in_above_acts_below(
    real: tuple[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """The auth method is where the identity is; the credential is in a namespace below."""
    import hvac

    address, root = real
    root.write_data("sys/namespaces/team", data={})
    root.sys.enable_auth_method("approle", path="above")
    root.write_data("sys/policies/acl/team", data={"policy": 'path "team/*" { capabilities = ["read", "update"] }'})
    root.auth.approle.create_or_update_approle("hub", mount_point="above", token_policies=["team"])
    monkeypatch.setenv("ROLE_ID", root.auth.approle.read_role_id("hub", mount_point="above")["data"]["role_id"])
    made = root.auth.approle.generate_secret_id("hub", mount_point="above")["data"]["secret_id"]
    (tmp_path / "secret-id").write_text(made)
    settings = {"auth": "approle", "auth_mount": "above", "role_id_env": "ROLE_ID"}
    settings["secret_id_file"] = str(tmp_path / "secret-id")
    host = address.partition("://")[2]
    rules = (IdentityRule((f"vault:{host}",), settings),)
    completed = complete_settings(rules, {"address": address}, f"vault:{host}/team")
    below = hvac.Client(url=address, token=root.token, namespace="team").auth.token.create(policies=["default"])["auth"]
    found = vault.look_up_token(completed, Secret(below["client_token"].encode()))
    assert found is not None and found["accessor"] == below["accessor"]


def test_a_signed_token(real: tuple[str, Any], tmp_path: pathlib.Path) -> None:
    address, root = real
    key, public = make_key()
    root.sys.enable_auth_method("jwt")
    root.write_data("auth/jwt/config", data={"jwt_validation_pubkeys": [public]})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["leakfirst"], "token_ttl": "5m"}
    root.write_data("auth/jwt/role/responder", data=role)
    file = tmp_path / "jwt"
    now = int(time.time())
    file.write_text(sign({"sub": "ci", "aud": "leakfirst", "exp": now + 60, "iat": now}, key))
    settings = {"address": address, "auth": "jwt", "auth_role": "responder", "jwt_file": str(file)}
    assert who_am_i(settings) == "jwt-ci"


@contextmanager
def kubernetes(account: str) -> Iterator[str]:
    """Play the part of Kubernetes that says whose token it is (TokenReview)."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            user = {"username": f"system:serviceaccount:ops:{account}", "uid": "u1", "groups": []}
            asked["status"] = {"authenticated": True, "user": user}
            body = json.dumps(asked).encode()
            self.send_response(201)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as address:
        yield address


def test_a_service_account_of_kubernetes(
    real: tuple[str, Any], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, root = real
    key, public = make_key()
    claims = {"kubernetes.io": {"namespace": "ops", "serviceaccount": {"name": "responder", "uid": "u1"}}}
    claims |= {"sub": "system:serviceaccount:ops:responder", "exp": int(time.time()) + 60, "iss": "kubernetes"}
    file = tmp_path / "token"
    file.write_text(sign(claims, key))
    monkeypatch.setattr(vault_login, "SERVICE_ACCOUNT", str(file))
    with kubernetes("responder") as cluster:
        root.sys.enable_auth_method("kubernetes")
        config = {"kubernetes_host": cluster, "pem_keys": [public], "disable_local_ca_jwt": True}
        config["kubernetes_ca_cert"] = make_certificate(key)
        root.write_data("auth/kubernetes/config", data=config)
        role = {"bound_service_account_names": ["responder"], "bound_service_account_namespaces": ["ops"]}
        root.write_data("auth/kubernetes/role/responder", data=role)
        settings = {"address": address, "auth": "kubernetes", "auth_role": "responder"}
        assert who_am_i(settings) == "kubernetes-ops-responder"


@contextmanager
def agent(path: str, address: str, token: str) -> Iterator[None]:
    """Play a Vault agent: a socket whose requests go on to the server with the agent's own token."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    host, port = address.partition("://")[2].split(":")

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            request = client.recv(65536)
            assert b"X-Vault-Token" not in request, "somebody's token goes to the agent"
            head, _, rest = request.partition(b"\r\n")
            with socket.create_connection((host, int(port))) as server:
                server.sendall(
                    head + b"\r\nX-Vault-Token: " + token.encode() + b"\r\n" + rest.replace(b"keep-alive", b"close")
                )
                while data := server.recv(65536):
                    client.sendall(data)
            client.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        listener.close()


def test_through_the_socket_of_an_agent(
    real: tuple[str, Any], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, root = real
    monkeypatch.setenv("VAULT_TOKEN", "canary-of-somebody-else")
    path = os.path.join(tmp_path, "agent.sock")
    with agent(path, address, root.token):
        settings = {"address": "http://agent", "auth": "agent", "agent_socket": path}
        assert who_am_i(settings) == "root" or who_am_i(settings) == "token"


def test_aws_signs_a_request_that_only_vault_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of these tests has no such method, so its part is played."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA" + "B" * 16)
    with fake.running() as (address, server):
        settings = {"address": address, "auth": "aws", "auth_role": "responder", "token_env": ""}
        vault.make_client(settings)
        call = next(call for call in server.calls if call.path == "auth/aws/login")
        fields = {"iam_http_request_method", "iam_request_url", "iam_request_body", "iam_request_headers", "role"}
        assert call.fields == fields


def test_an_unknown_method_is_one_line() -> None:
    with pytest.raises(UsageError, match="auth is one of token, approle"):
        vault.make_client({"address": "http://127.0.0.1:1", "auth": "ldap"})
