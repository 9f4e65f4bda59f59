"""Stores behind an API: GitHub Actions, GitLab CI, Kubernetes, against a server that plays their shapes; SSM on moto."""

from __future__ import annotations

import base64
import json
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from nacl.public import PrivateKey, SealedBox

from detector.secret import Secret
from rotators.core.catalogue import open_store
from rotators.core.contracts import Store
from rotators.core.field_mapping import complete_fields
from rotators.core.model import Case, Clock, Leak, UnexpectedState
from tests.fakes.serving import serving
from tests.rotators.world import Aws

pytestmark = pytest.mark.net

NEW = {"value": Secret(b"canary-new-value")}
OLD = {"value": Secret(b"canary-old-value")}


class Consumers:
    def __init__(self) -> None:
        self.key = PrivateKey.generate()
        self.secrets = {"TOKEN": ("", 1)}
        self.variable = {"key": "TOKEN", "value": "canary-old-value", "masked": True, "protected": True, "raw": False}
        self.version = 1
        self.data = {"token": base64.b64encode(b"canary-old-value").decode(), "other": "c3RheXM="}
        self.rolled: list[str] = []
        self.before_write = lambda: None

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        path = path.partition("?")[0]
        if path.endswith("/public-key"):
            return 200, {"key_id": "k1", "key": base64.b64encode(bytes(self.key.public_key)).decode()}
        if "/actions/secrets/" in path:
            name = path.rsplit("/", 1)[1]
            if method == "PUT":
                self.secrets[name] = (body["encrypted_value"], self.secrets[name][1] + 1)
                return 204, None
            return (200, {"name": name, "updated_at": self.secrets[name][1]}) if name in self.secrets else (404, {})
        if "/variables/" in path:
            if not path.endswith("/TOKEN"):
                return 404, {}
            if method == "PUT":
                self.variable.update(body)
            return 200, self.variable
        if "/deployments/" in path:
            self.rolled.append(path)
            return 200, {}
        if method == "PATCH":
            if body.get("data"):
                self.before_write()
            if body["metadata"]["resourceVersion"] != str(self.version):
                return 409, {"reason": "Conflict"}
            self.data.update(body.get("data", {}))
            self.version += bool(body.get("data"))
        return 200, {"metadata": {"resourceVersion": str(self.version)}, "data": self.data}


@contextmanager
def serve(consumers: Consumers) -> Iterator[tuple[str, Consumers]]:
    """Play GitHub, GitLab and Kubernetes for the secrets of *consumers*."""

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None: ...

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, data = consumers.answer(self.command, self.path, json.loads(body or "null"))
            payload = b"" if data is None else json.dumps(data).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_PUT = do_PATCH = _serve

    with serving(Handler) as address:
        yield address, consumers


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Consumers]]:
    monkeypatch.setenv("STORE_TOKEN", "t")
    with serve(Consumers()) as pair:
        yield pair


def store(kind: str, /, **settings: Any) -> Store:
    leak = Leak("acme.key", "lf1:x", OLD["value"])
    clock = Clock(lambda: 0.0, lambda seconds: None)
    return open_store(kind, Case("run", leak, complete_fields(settings, ("value",)), {}, clock))


def test_github_actions_gets_a_sealed_value(server: tuple[str, Consumers]) -> None:
    url, consumers = server
    target = store("github-actions", endpoint=url, repository="o/r", token_env="STORE_TOKEN", fields={"value": "TOKEN"})
    target.preflight()
    before = target.mark()
    target.promote("t", NEW)
    assert target.read_back() is None
    assert target.mark() != before
    sealed = base64.b64decode(consumers.secrets["TOKEN"][0])
    assert SealedBox(consumers.key).decrypt(sealed) == b"canary-new-value"
    target.restore("t", OLD)
    assert SealedBox(consumers.key).decrypt(base64.b64decode(consumers.secrets["TOKEN"][0])) == b"canary-old-value"


def test_github_actions_makes_no_secret_by_a_typing_error(server: tuple[str, Consumers]) -> None:
    target = store(
        "github-actions", endpoint=server[0], repository="o/r", token_env="STORE_TOKEN", fields={"value": "TOKN"}
    )
    with pytest.raises(UnexpectedState, match="create it first"):
        target.preflight()


def test_gitlab_ci_keeps_the_flags(server: tuple[str, Consumers]) -> None:
    url, consumers = server
    target = store("gitlab-ci", endpoint=url, project="o/r", token_env="STORE_TOKEN", fields={"value": "TOKEN"})
    target.preflight()
    target.promote("t", NEW)
    assert target.read_back() == NEW
    assert consumers.variable["masked"] and consumers.variable["protected"]
    target.restore("t", OLD)
    assert target.read_back() == OLD


def test_a_kubernetes_secret_is_patched_and_its_readers_rolled(server: tuple[str, Consumers]) -> None:
    url, consumers = server
    target = store(
        "kubernetes-secret",
        server=url,
        name="app",
        token_env="STORE_TOKEN",
        fields={"value": "token"},
        restart=["deployment/web"],
    )
    target.preflight()
    target.promote("t", NEW)
    assert target.read_back() == NEW
    assert consumers.data["other"] == "c3RheXM="
    assert consumers.rolled == ["/apis/apps/v1/namespaces/default/deployments/web"]


def test_a_kubernetes_secret_that_somebody_writes_meanwhile(server: tuple[str, Consumers]) -> None:
    url, consumers = server
    target = store("kubernetes-secret", server=url, name="app", token_env="STORE_TOKEN", fields={"value": "token"})

    def edit() -> None:
        consumers.version += 1

    consumers.before_write = edit
    with pytest.raises(UnexpectedState, match="at the same time"):
        target.promote("t", NEW)
    assert target.read_back() == OLD
    assert consumers.rolled == []


def test_ssm_writes_the_next_version_and_the_one_before_it_back(aws: Aws, tmp_path: pathlib.Path) -> None:
    name = f"/app/{aws.user}"
    aws.client("ssm").put_parameter(Name=name, Value="canary-old-value", Type="SecureString")
    target = store("aws-ssm", endpoint=aws.url, parameter=name, plain=True)
    target.preflight()
    target.promote("t", NEW)
    assert target.read_back() == NEW
    target.restore("t", OLD)
    assert target.read_back() == OLD
    assert aws.client("ssm").get_parameter(Name=name)["Parameter"]["Version"] == 3


def test_ssm_refuses_a_parameter_in_plain_text(aws: Aws) -> None:
    name = f"/plain/{aws.user}"
    aws.client("ssm").put_parameter(Name=name, Value="canary-old-value", Type="String")
    with pytest.raises(UnexpectedState, match="no SecureString"):
        store("aws-ssm", endpoint=aws.url, parameter=name, plain=True).preflight()
