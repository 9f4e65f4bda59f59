"""How the operator signs in to Vault: with a token, or by an auth method that gives a short-lived one.

A token from an auth method is kept in memory until most of its time is over, so a
run signs in once and not for every question.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core import operator_credentials
from rotators.core.model import OutcomeUnknown, RateLimited, UnexpectedState

METHODS = ("token", "approle", "kubernetes", "jwt", "aws", "agent")

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"

USED_UP = 0.7
"""The part of a token's life after which another one is asked for."""


class _Session(NamedTuple):
    token: Secret
    ends: float


_SESSIONS: dict[str, _Session] = {}


def sign_in(client: Any, settings: Mapping[str, Any]) -> None:
    """Give *client* the operator's token. Raises `UsageError` for settings that name none."""
    method = settings.get("auth", "token")
    if method not in METHODS:
        raise UsageError(f"auth is one of {', '.join(METHODS)}")
    if method == "agent":
        return  # Vault's agent adds a token of its own
    if method == "token":
        client.token = operator_credentials.read_credential(settings).reveal().decode()
        return
    name = json.dumps({name: str(value) for name, value in settings.items()}, sort_keys=True)
    known = _SESSIONS.get(name)
    if known is None or known.ends < time.monotonic():
        here = client.adapter.namespace
        client.adapter.namespace = settings.get("auth_namespace", here) or None
        try:
            known = _SESSIONS[name] = _log_in(client, method, settings)
        finally:
            client.adapter.namespace = here
    client.token = known.token.reveal().decode()


def use_socket(client: Any, settings: Mapping[str, Any]) -> None:
    """Let *client* talk through the Unix socket of a Vault agent, if *settings* name one."""
    path = settings.get("agent_socket")
    if not path:
        return
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    class Connection(HTTPConnection):
        def connect(self) -> None:
            import socket

            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(30)
            self.sock.connect(str(path))

    class Pool(HTTPConnectionPool):
        def _new_conn(self) -> Connection:
            return Connection(host="localhost")

    class Adapter(HTTPAdapter):
        def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Pool:
            return Pool("localhost")

    session = client.adapter.session
    session.trust_env = False
    session.mount("http://", Adapter())
    session.mount("https://", Adapter())


def _log_in(client: Any, method: str, settings: Mapping[str, Any]) -> _Session:
    mount = str(settings.get("auth_mount", method))
    if method == "aws":
        return _log_in_by_aws(client, mount, settings)
    if method == "approle":
        body = {name: _read(settings, name) for name in ("role_id", "secret_id")}
    else:
        if method == "kubernetes" and not operator_credentials.has_credential(settings, "jwt"):
            settings = {**settings, "jwt_file": SERVICE_ACCOUNT}
        body = {"role": operator_credentials.require_setting(settings, "auth_role"), "jwt": _read(settings, "jwt")}
    return _keep(_post(client, f"auth/{mount}/login", body))


def _log_in_by_aws(client: Any, mount: str, settings: Mapping[str, Any]) -> _Session:
    from rotators.core import aws

    credentials = aws.make_client("sts", settings)._request_signer._credentials.get_frozen_credentials()
    answer = client.auth.aws.iam_login(
        credentials.access_key,
        credentials.secret_key,
        credentials.token,
        role=operator_credentials.require_setting(settings, "auth_role"),
        use_token=False,
        mount_point=mount,
    )
    return _keep(answer)


def _read(settings: Mapping[str, Any], name: str) -> str:
    return operator_credentials.read_credential(settings, name).reveal().decode()


def _post(client: Any, path: str, body: Mapping[str, str]) -> Any:
    import requests
    from hvac.adapters import RawAdapter

    try:
        response = RawAdapter.from_adapter(client.adapter).request(
            "POST", f"/v1/{path}", raise_exception=False, json=body
        )
    except requests.RequestException as error:
        raise OutcomeUnknown(f"{path}: no answer ({type(error).__name__})") from None
    if response.status_code == 429:
        raise RateLimited(f"{path}: the server's rate limit")
    if response.status_code != 200:
        raise UnexpectedState(f"{path}: the server does not let the operator in (HTTP {response.status_code})")
    return response.json()


def _keep(answer: Any) -> _Session:
    try:
        token, seconds = answer["auth"]["client_token"], int(answer["auth"]["lease_duration"])
    except (KeyError, TypeError, ValueError):
        raise UnexpectedState("the server's answer to the login holds no token") from None
    return _Session(Secret(str(token).encode()), time.monotonic() + seconds * USED_UP)
