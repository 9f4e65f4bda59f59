"""Token providers over real HTTP, in the shapes that their documentation shows.

Each service lives under its own path prefix. A key is a row: id, value, name,
whether it is alive. Every call is recorded, so that tests can count creations.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.serving import serving

ADMIN = "admin-of-the-fake"


class Key:
    def __init__(self, value: str, name: str = "leaked", **more: Any) -> None:
        self.id, self.value, self.name, self.alive, self.gone = f"id{secrets.token_hex(4)}", value, name, True, False
        self.more = more


class Service:
    def __init__(self, value: str) -> None:
        self.keys = [Key(value)]

    @property
    def old(self) -> Key:
        return self.keys[0]

    def make(self, name: str) -> Key:
        key = Key("canary" + secrets.token_hex(17), name)
        self.keys.append(key)
        return key

    def by_value(self, value: str) -> Key | None:
        return next((key for key in self.keys if key.value == value and key.alive and not key.gone), None)

    def by_id(self, name: str) -> Key | None:
        return next((key for key in self.keys if key.id == name and not key.gone), None)

    def listed(self) -> list[Key]:
        return [key for key in self.keys if not key.gone]

    def end(self, name: str, status: int = 204) -> Any:
        key = self.by_id(name)
        if key is None:
            return 404, {"message": "not found"}
        key.gone = True
        return status, None


class Request:
    def __init__(self, method: str, path: str, headers: Any, body: bytes) -> None:
        self.method, self.headers = method, headers
        self.path, _, query = path.partition("?")
        self.query = {name: values[0] for name, values in parse_qs(query).items()}
        kind = headers.get("content-type", "")
        self.body: dict[str, Any] = {}
        if "json" in kind and body:
            self.body = json.loads(body)
        elif body:
            self.body = {name: values[0] for name, values in parse_qs(body.decode()).items()}

    @property
    def token(self) -> str:
        for name in ("x-api-key", "dd-api-key", "private-token"):
            if self.headers.get(name):
                return str(self.headers[name])
        scheme, _, rest = self.headers.get("authorization", "").partition(" ")
        return base64.b64decode(rest).decode().partition(":")[2] if scheme == "Basic" else rest

    @property
    def last(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def does(self, method: str, end: str) -> bool:
        return self.method == method and self.path.endswith(end)


def github(me: Service, ask: Request) -> Any:
    if ask.does("POST", "/credentials/revoke"):
        if ask.token:
            return 403, {"message": "authenticated"}
        for value in ask.body["credentials"]:
            if key := me.by_value(value):
                key.gone = True
        return 202, None
    if not me.by_value(ask.token):
        return 401, {"message": "Bad credentials"}
    if ask.does("DELETE", "/installation/token"):
        return me.end(me.old.id)
    if "/installation/repositories" in ask.path:
        return 200, {"total_count": 1, "repositories": [{"owner": {"login": "acme"}}]}
    return 200, {"login": "octo"}


def gitlab(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/access_tokens") and ask.token == ADMIN:
        if ask.method == "GET":
            return 200, [{"id": key.id, "name": key.name, "revoked": False} for key in me.listed()]
        key = me.make(ask.body["name"])
        return 201, {"id": key.id, "token": key.value}
    if ask.method == "DELETE" and ask.token == ADMIN:
        return me.end(ask.last)
    key = me.by_value(ask.token)
    if key is None:
        return 401, {"message": "401 Unauthorized"}
    if ask.does("POST", "/self/rotate"):
        key.gone = True
        fresh = me.make("rotated")
        return 200, {"id": fresh.id, "token": fresh.value}
    if ask.method == "DELETE":
        return me.end(key.id)
    return 200, {"id": key.id, "user_id": 7, "scopes": ["api"], "expires_at": "2030-01-01", "created_at": ""}


def slack(me: Service, ask: Request) -> Any:
    key = me.by_value(ask.token)
    if key is None:
        return 200, {"ok": False, "error": "token_revoked"}
    if ask.path.endswith("auth.revoke"):
        key.gone = True
        return 200, {"ok": True, "revoked": True}
    return 200, {"ok": True, "team": "Acme", "team_id": "T1", "user": "bot"}


def hint(value: str) -> str:
    return f"{value[:4]}...{value[-4:]}"


def openai(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/v1/models"):
        return (200, {"data": []}) if me.by_value(ask.token) else (401, {"error": {}})
    if ask.token != ADMIN:
        return 401, {"error": {}}
    if ask.method == "DELETE":
        return me.end(ask.last, 200)
    if ask.method == "POST":
        key = me.make(ask.body["name"])
        return 200, {"id": key.id, "value": key.value}
    rows = [
        {"id": k.id, "name": k.name, "redacted_value": hint(k.value), "owner": {"type": "user"}} for k in me.listed()
    ]
    return 200, {"data": [] if ask.query.get("after") else rows, "last_id": rows[-1]["id"], "has_more": False}


def anthropic(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/v1/models"):
        return (200, {"data": []}) if me.by_value(ask.token) else (401, {"error": {}})
    if ask.token != ADMIN:
        return 401, {"error": {}}
    if ask.method == "POST":
        key = me.by_id(ask.last)
        assert key
        key.alive = ask.body["status"] == "active"
        key.more["status"] = ask.body["status"]
        return 200, {"id": key.id}
    rows = [{"id": k.id, "status": "active", "name": k.name, "partial_key_hint": hint(k.value)} for k in me.listed()]
    return 200, {"data": rows, "has_more": False}


def cloudflare(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/verify"):
        key = me.by_value(ask.token)
        return (200, {"result": {"id": key.id, "status": "active"}}) if key else (401, {"success": False})
    if ask.token != ADMIN:
        return 403, {"success": False}
    if ask.does("PUT", "/value"):
        key = me.by_id(ask.path.split("/")[-2])
        assert key
        key.value = "canary" + secrets.token_hex(17)
        return 200, {"result": key.value}
    return me.end(ask.last, 200)


def datadog(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/api/v1/validate"):
        return (200, {"valid": True}) if me.by_value(ask.token) else (403, {"errors": ["Forbidden"]})
    if ask.token != ADMIN:
        return 403, {}
    if ask.method == "DELETE":
        return me.end(ask.last)
    if ask.method == "POST":
        key = me.make(ask.body["data"]["attributes"]["name"])
        return 201, {"data": {"id": key.id, "attributes": {"key": key.value, "name": key.name}}}
    rows = [{"id": k.id, "attributes": {"name": k.name, "last4": k.value[-4:]}} for k in me.listed()]
    return 200, {"data": rows}


def sendgrid(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/v3/scopes"):
        return (200, {"scopes": []}) if me.by_value(ask.token) else (401, {})
    if ask.token != ADMIN:
        return 401, {}
    if ask.method == "DELETE":
        return me.end(ask.last)
    if ask.method == "POST":
        key = me.make(ask.body["name"])
        return 201, {"api_key": key.value, "api_key_id": key.id, "scopes": ask.body["scopes"]}
    if ask.path.endswith("/v3/api_keys"):
        return 200, {"result": [{"api_key_id": k.id, "name": k.name} for k in me.listed()]}
    key = me.by_id(ask.last)
    return (200, {"name": key.name, "scopes": ["mail.send"]}) if key else (404, {})


def heroku(me: Service, ask: Request) -> Any:
    def row(key: Key) -> dict[str, Any]:
        token = {"token": key.value}
        return {
            "id": key.id,
            "description": key.name,
            "scope": ["global"],
            "access_token": token,
            "user": {"email": "a@b.test"},
        }

    if ask.path.endswith("/account"):
        return (200, {}) if me.by_value(ask.token) else (401, {})
    if ask.token != ADMIN:
        return 401, {}
    if ask.method == "DELETE":
        return me.end(ask.last, 200)
    if ask.method == "POST":
        return 201, row(me.make(ask.body["description"]))
    if ask.path.endswith("/oauth/authorizations"):
        return 200, [row(key) for key in me.listed()]
    key = me.by_id(ask.last)
    return (200, row(key)) if key else (404, {})


def twilio(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/Messages.json"):
        return (200, {"messages": []}) if me.by_value(ask.token) else (401, {})
    if ask.token != ADMIN:
        return 401, {}
    name = ask.last.removesuffix(".json")
    if ask.method == "DELETE":
        return me.end(name)
    if ask.method == "POST":
        key = me.make(ask.body["FriendlyName"])
        return 201, {"sid": key.id, "secret": key.value}
    if name == "Keys":
        return 200, {"keys": [{"sid": k.id, "friendly_name": k.name} for k in me.listed()]}
    key = me.by_id(name)
    return (200, {"sid": key.id, "friendly_name": key.name, "date_created": ""}) if key else (404, {})


def twilio_auth_token(me: Service, ask: Request) -> Any:
    if ask.path.startswith("/2010-04-01"):
        return (200, {}) if me.by_value(ask.token) else (401, {})
    if ask.does("POST", "/Secondary"):
        if len(me.listed()) == 2:
            return 400, {"message": "there is one already"}
        return 201, {"secondary_auth_token": me.make("secondary").value}
    if ask.does("DELETE", "/Secondary"):
        return me.end(me.listed()[1].id) if len(me.listed()) == 2 else (404, {})
    me.listed()[0].gone = True
    return 200, {}


def entra(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/oauth2/v2.0/token"):
        alive = me.by_value(ask.body["client_secret"])
        return (200, {"access_token": "x"}) if alive else (401, {"error": "invalid_client"})
    if ask.token != ADMIN:
        return 401, {}
    if ask.path.endswith("/addPassword"):
        key = me.make(ask.body["passwordCredential"]["displayName"])
        return 200, {"keyId": key.id, "secretText": key.value}
    if ask.path.endswith("/removePassword"):
        return me.end(ask.body["keyId"])
    rows = [{"keyId": k.id, "displayName": k.name, "hint": k.value[:3], "endDateTime": ""} for k in me.listed()]
    return 200, {"displayName": "app", "passwordCredentials": rows}


def docker_hub(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/v2/auth/token"):
        given = ask.body["secret"]
        return (200, {"access_token": "session"}) if given == ADMIN or me.by_value(given) else (401, {})
    if ask.token != "session":
        return 401, {}
    if ask.method == "PATCH":
        key = me.by_id(ask.last)
        assert key
        key.alive = ask.body["is_active"]
        return 200, {}
    if ask.method == "DELETE":
        return me.end(ask.last)
    if ask.method == "POST":
        key = me.make(ask.body["token_label"])
        return 201, {"uuid": key.id, "token": key.value}
    return 200, {"results": [{"uuid": k.id, "token_label": k.name, "scopes": ["repo:read"]} for k in me.listed()]}


def npm(me: Service, ask: Request) -> Any:
    if not me.by_value(ask.token) and ask.token != ADMIN:
        return 401, {}
    if ask.path.endswith("/-/whoami"):
        return 200, {"username": "ada"}
    if ask.method == "DELETE":
        return me.end(ask.last)
    return 200, {"objects": [{"key": k.id, "token": k.value[:8] + k.value[-4:]} for k in me.listed()]}


def hugging_face(me: Service, ask: Request) -> Any:
    if ask.path.endswith("/api/credentials/revoke"):
        for value in ask.body["credentials"]:
            if key := me.by_value(value):
                key.gone = True
        return 202, None
    return (200, {"name": "ada", "type": "user"}) if me.by_value(ask.token) else (401, {})


def private_key_file() -> str:
    """Return the key file of a service account, as Google hands it out."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    name = secrets.token_hex(20)
    account = "app@acme.iam.gserviceaccount.com"
    return json.dumps({"client_email": account, "private_key_id": name, "private_key": pem.decode()})


def google(me: Service, ask: Request) -> Any:
    def named(key: Key) -> str:
        return str(json.loads(key.value)["private_key_id"])

    if ask.path.endswith("/token"):
        header = ask.body["assertion"].split(".")[0]
        kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
        alive = any(named(key) == kid and key.alive for key in me.listed())
        return (200, {"access_token": "x"}) if alive else (400, {"error": "invalid_grant"})
    if ask.token != ADMIN:
        return 401, {}
    name, _, verb = ask.last.partition(":")
    if name == "keys" and ask.method == "GET":
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        names = [f"projects/-/serviceAccounts/app/keys/{named(k)}" for k in me.listed()]
        return 200, {"keys": [{"name": name, "validAfterTime": made} for name in names]}
    if name == "keys":
        key = Key(private_key_file())
        me.keys.append(key)
        data = base64.b64encode(key.value.encode()).decode()
        return 200, {"name": f"projects/-/serviceAccounts/app/keys/{named(key)}", "privateKeyData": data}
    found = next((key for key in me.listed() if named(key) == name), None)
    if found is None:
        return 404, {}
    if ask.method == "DELETE":
        found.gone = True
    elif verb:
        found.alive = verb == "enable"
    return 200, {"name": name, "disabled": not found.alive}


def revokes_itself(answer: dict[str, Any]) -> Callable[[Service, Request], Any]:
    def serve(me: Service, ask: Request) -> Any:
        key = me.by_value(ask.token or ask.body.get("token", ""))
        if key is None:
            return 401, {}
        if ask.method == "DELETE" or "revoke" in ask.path:
            key.gone = True
            return 204, None
        return 200, {**answer, "uuid": key.id}

    return serve


SERVICES: dict[str, Callable[[Service, Request], Any]] = {
    "github": github,
    "github-installation": github,
    "gitlab": gitlab,
    "slack": slack,
    "openai": openai,
    "anthropic": anthropic,
    "cloudflare": cloudflare,
    "datadog": datadog,
    "sendgrid": sendgrid,
    "heroku": heroku,
    "twilio": twilio,
    "twilio-auth-token": twilio_auth_token,
    "entra": entra,
    "gcp-service-account": google,
    "docker-hub": docker_hub,
    "npm": npm,
    "hugging-face": hugging_face,
    "digitalocean": revokes_itself({"account": {"uuid": "do", "email": "a@b.test"}}),
    "doppler": revokes_itself({"workplace": {"slug": "acme"}}),
    "buildkite": revokes_itself({"user": {"email": "a@b.test"}, "scopes": []}),
    "vercel": revokes_itself({"user": {"id": "u1", "username": "ada"}}),
}


class Providers:
    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.calls: list[tuple[str, str, str]] = []
        self.lose: Callable[[str, str, str], bool] = lambda service, method, path: False


class _Handler(BaseHTTPRequestHandler):
    providers: Providers
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None: ...

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        _, name, rest = self.path.split("/", 2)
        ask = Request(self.command, "/" + rest, self.headers, body)
        self.providers.calls.append((name, self.command, ask.path))
        status, data = SERVICES[name](self.providers.services[name], ask)
        if self.providers.lose(name, self.command, ask.path):
            self.close_connection = True
            return
        payload = b"" if data is None else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve


@contextmanager
def running() -> Iterator[tuple[str, Providers]]:
    providers = Providers()
    with serving(type("Bound", (_Handler,), {"providers": providers})) as address:
        yield address, providers
