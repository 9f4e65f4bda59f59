"""A Vault over real HTTP, as far as the rotators go.

It copies what surprises: an unknown token is revoked with 204, an unknown
lease with 202, an unknown secret-id is looked up with 204 and no body, a
destroyed secret-id leaves its tokens alive, leases end a while after they
were revoked. Every call is recorded with its fields, so that a test can
compare it with the published contract.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from tests.fakes.serving import serving

ROOT = "root-token-of-the-fake"


class Call(NamedTuple):
    method: str
    path: str
    fields: frozenset[str]


class Refused(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        self.status, self.errors = status, errors


ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = []


def _group(match: re.Match[str]) -> str:
    return "(?P<path>.+)" if match[1] == "path" else f"(?P<{match[1]}>[^/]+)"


def route(methods: str, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    pattern = re.compile("^" + re.sub(r"\{(\w+)\}", _group, path) + "$")

    def add(handler: Callable[..., Any]) -> Callable[..., Any]:
        ROUTES.extend((method, pattern, handler) for method in methods.split())
        return handler

    return add


def now() -> str:
    return datetime.now(UTC).isoformat()


class Vault:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.tokens: dict[str, dict[str, Any]] = {}
        self.token_roles: dict[str, dict[str, Any]] = {}
        self.approles: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.kv: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, dict[str, Any]] = {}
        self.static: dict[str, dict[str, Any]] = {}
        self.leases: dict[str, dict[str, Any]] = {}
        self.aws_root = {"access_key": ""}
        self.cluster = "cluster-of-the-fake"
        self.lock = threading.RLock()
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.after: Callable[[str, str], None] = lambda method, path: None
        self.tokens[ROOT] = self.token("auth/token/root", ["root"], display_name="root", accessor="root-accessor")

    def token(self, path: str, policies: list[str], **more: Any) -> dict[str, Any]:
        found = {
            "accessor": secrets.token_urlsafe(12),
            "creation_time": int(datetime.now(UTC).timestamp()),
            "display_name": "token",
            "id": "",
            "meta": None,
            "num_uses": 0,
            "orphan": False,
            "path": path,
            "policies": policies,
            "ttl": 0,
            "type": "service",
            "parent": "",
        }
        return {**found, **more}

    def issue(self, path: str, policies: list[str], **more: Any) -> dict[str, Any]:
        prefix = "hvb." if more.get("type") == "batch" else "hvs."
        text = prefix + secrets.token_urlsafe(18)
        found = self.token(path, policies, **more)
        if more.get("type") == "batch":
            found["accessor"] = ""
        self.tokens[text] = {**found, "id": text}
        return {
            "client_token": text,
            "accessor": found["accessor"],
            "policies": policies,
            "token_policies": policies,
            "metadata": found["meta"],
            "token_type": found["type"],
            "orphan": found["orphan"],
            "lease_duration": 3600,
            "renewable": True,
        }

    def end(self, text: str) -> None:
        self.tokens.pop(text, None)
        for child in [other for other, data in self.tokens.items() if data["parent"] == text]:
            self.end(child)

    def by_accessor(self, accessor: str) -> str:
        for text, data in self.tokens.items():
            if data["accessor"] and data["accessor"] == accessor:
                return text
        raise Refused(403, "1 error occurred:\n\t* invalid accessor\n\n")


@route("GET", "sys/health")
def health(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"initialized": True, "sealed": False, "standby": False, "cluster_id": vault.cluster}


# -- tokens ------------------------------------------------------------------


@route("POST PUT", "auth/token/lookup")
def lookup(vault: Vault, body: dict[str, Any], me: str) -> Any:
    if body["token"] not in vault.tokens:
        raise Refused(403, "bad token")
    return {"data": vault.tokens[body["token"]]}


@route("GET", "auth/token/lookup-self")
def lookup_self(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"data": vault.tokens[me]}


@route("POST PUT", "auth/token/lookup-accessor")
def lookup_accessor(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"data": {**vault.tokens[vault.by_accessor(body["accessor"])], "id": ""}}


@route("LIST", "auth/token/accessors")
def accessors(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"data": {"keys": [data["accessor"] for data in vault.tokens.values() if data["accessor"]]}}


@route("POST PUT", "auth/token/revoke")
def revoke(vault: Vault, body: dict[str, Any], me: str) -> Any:
    if vault.tokens.get(body["token"], {}).get("type") == "batch":
        raise Refused(400, "batch tokens cannot be revoked")
    vault.end(body["token"])


@route("POST PUT", "auth/token/revoke-accessor")
def revoke_accessor(vault: Vault, body: dict[str, Any], me: str) -> Any:
    vault.end(vault.by_accessor(body["accessor"]))


@route("POST PUT", "auth/token/revoke-self")
def revoke_self(vault: Vault, body: dict[str, Any], me: str) -> Any:
    vault.end(me)


@route("POST PUT", "auth/token/create")
def create(vault: Vault, body: dict[str, Any], me: str) -> Any:
    more = {name: body[name] for name in ("meta", "type", "num_uses") if body.get(name)}
    name = f"token-{body['display_name']}" if body.get("display_name") else "token"
    return {
        "auth": vault.issue("auth/token/create", body.get("policies") or ["root"], display_name=name, parent=me, **more)
    }


@route("POST PUT", "auth/token/create/{role}")
def create_by_role(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    if role not in vault.token_roles:
        raise Refused(400, f"unknown role {role}")
    name = f"token-{body['display_name']}" if body.get("display_name") else "token"
    path, policies = f"auth/token/create/{role}", body.get("policies") or ["default"]
    return {"auth": vault.issue(path, policies, display_name=name, meta=body.get("meta"), role=role, orphan=True)}


@route("LIST", "auth/token/roles")
def token_roles(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"data": {"keys": list(vault.token_roles)}}


@route("GET", "auth/token/roles/{role}")
def read_token_role(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    return {"data": vault.token_roles[role]}


@route("POST PUT", "auth/token/roles/{role}")
def token_role(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    vault.token_roles[role] = body


# -- approle -----------------------------------------------------------------


def approle_of(vault: Vault, role: str) -> dict[str, Any]:
    if role not in vault.approles:
        raise Refused(404)
    return vault.approles[role]


@route("POST PUT", "auth/approle/role/{role}")
def approle(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    vault.approles[role] = {"role_id": secrets.token_hex(8), "ids": {}, **body}


@route("LIST", "auth/approle/role")
def approles(vault: Vault, body: dict[str, Any], me: str) -> Any:
    if not vault.approles:
        raise Refused(404)
    return {"data": {"keys": sorted(vault.approles)}}


@route("GET", "auth/approle/role/{role}/role-id")
def role_id(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    return {"data": {"role_id": approle_of(vault, role)["role_id"]}}


@route("POST PUT", "auth/approle/role/{role}/secret-id")
def secret_id(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    text, accessor = secrets.token_hex(16), secrets.token_hex(8)
    metadata = json.loads(body["metadata"]) if body.get("metadata") else {}
    approle_of(vault, role)["ids"][text] = {
        "secret_id_accessor": accessor,
        "metadata": metadata,
        "creation_time": now(),
        "secret_id_num_uses": 0,
        "secret_id_ttl": 0,
    }
    return {"data": {"secret_id": text, "secret_id_accessor": accessor, "secret_id_ttl": 0}}


@route("POST PUT", "auth/approle/role/{role}/secret-id/lookup")
def secret_id_lookup(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    found = approle_of(vault, role)["ids"].get(body["secret_id"])
    return {"data": found} if found else None


@route("POST PUT", "auth/approle/role/{role}/secret-id/destroy")
def secret_id_destroy(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    approle_of(vault, role)["ids"].pop(body["secret_id"], None)


@route("LIST", "auth/approle/role/{role}/secret-id")
def secret_ids(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    found = [data["secret_id_accessor"] for data in approle_of(vault, role)["ids"].values()]
    if not found:
        raise Refused(404)
    return {"data": {"keys": found}}


def by_secret_accessor(vault: Vault, role: str, accessor: str) -> str:
    for text, data in approle_of(vault, role)["ids"].items():
        if data["secret_id_accessor"] == accessor:
            return str(text)
    raise Refused(500, "failed to find accessor entry for secret_id_accessor")


@route("POST PUT", "auth/approle/role/{role}/secret-id-accessor/lookup")
def secret_accessor_lookup(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    ids = approle_of(vault, role)["ids"]
    return {"data": ids[by_secret_accessor(vault, role, body["secret_id_accessor"])]}


@route("POST PUT DELETE", "auth/approle/role/{role}/secret-id-accessor/destroy")
def secret_accessor_destroy(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    del approle_of(vault, role)["ids"][by_secret_accessor(vault, role, body["secret_id_accessor"])]


@route("POST PUT", "auth/approle/login")
def approle_login(vault: Vault, body: dict[str, Any], me: str) -> Any:
    for name, role in vault.approles.items():
        if role["role_id"] == body["role_id"] and body["secret_id"] in role["ids"]:
            meta = {"role_name": name, **role["ids"][body["secret_id"]]["metadata"]}
            policies = role.get("token_policies") or ["default"]
            return {"auth": vault.issue("auth/approle/login", policies, meta=meta, orphan=True)}
    raise Refused(400, "invalid role or secret ID")


# -- userpass ----------------------------------------------------------------


@route("POST PUT", "auth/userpass/users/{user}")
def user(vault: Vault, body: dict[str, Any], me: str, user: str) -> Any:
    vault.users[user] = {"token_policies": ["default"], **body}


@route("GET", "auth/userpass/users/{user}")
def user_read(vault: Vault, body: dict[str, Any], me: str, user: str) -> Any:
    if user not in vault.users:
        raise Refused(404)
    return {"data": {"token_policies": vault.users[user]["token_policies"]}}


@route("POST PUT", "auth/userpass/users/{user}/password")
def user_password(vault: Vault, body: dict[str, Any], me: str, user: str) -> Any:
    vault.users[user]["password"] = body["password"]


@route("POST PUT", "auth/aws/login")
def aws_login(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"auth": vault.issue("auth/aws/login", ["default"], orphan=True)}


@route("POST PUT", "auth/userpass/login/{user}")
def user_login(vault: Vault, body: dict[str, Any], me: str, user: str) -> Any:
    if user not in vault.users or vault.users[user]["password"] != body["password"]:
        raise Refused(400, "invalid username or password")
    name = f"userpass-{user}"
    return {
        "auth": vault.issue(
            f"auth/userpass/login/{user}", ["default"], display_name=name, meta={"username": user}, orphan=True
        )
    }


# -- kv version 2 ------------------------------------------------------------


def kv_entry(vault: Vault, path: str) -> dict[str, Any]:
    if path not in vault.kv:
        raise Refused(404)
    return vault.kv[path]


@route("POST PUT", "secret/data/{path}")
def kv_write(vault: Vault, body: dict[str, Any], me: str, path: str) -> Any:
    entry = vault.kv.setdefault(path, {"current_version": 0, "versions": {}, "data": {}})
    cas = (body.get("options") or {}).get("cas")
    if cas is not None and cas != entry["current_version"]:
        raise Refused(400, "check-and-set parameter did not match the current version")
    entry["current_version"] += 1
    version = str(entry["current_version"])
    entry["versions"][version] = {"created_time": now(), "deletion_time": "", "destroyed": False}
    entry["data"][version] = body["data"]
    return {"data": {"version": int(version), **entry["versions"][version]}}


@route("GET", "secret/data/{path}")
def kv_read(vault: Vault, body: dict[str, Any], me: str, path: str) -> Any:
    entry = kv_entry(vault, path)
    version = str(body.get("version") or entry["current_version"])
    state = entry["versions"].get(version)
    if state is None:
        raise Refused(404)
    metadata = {"version": int(version), **state}
    if state["destroyed"] or state["deletion_time"]:
        return 404, {"data": {"data": None, "metadata": metadata}}
    return {"data": {"data": entry["data"][version], "metadata": metadata}}


@route("GET", "secret/metadata/{path}")
def kv_metadata(vault: Vault, body: dict[str, Any], me: str, path: str) -> Any:
    entry = kv_entry(vault, path)
    return {"data": {"current_version": entry["current_version"], "versions": entry["versions"]}}


@route("POST PUT", "secret/delete/{path}")
def kv_delete(vault: Vault, body: dict[str, Any], me: str, path: str) -> Any:
    for version in body["versions"]:
        kv_entry(vault, path)["versions"][str(version)]["deletion_time"] = now()


@route("POST PUT", "secret/undelete/{path}")
def kv_undelete(vault: Vault, body: dict[str, Any], me: str, path: str) -> Any:
    for version in body["versions"]:
        kv_entry(vault, path)["versions"][str(version)]["deletion_time"] = ""


@route("POST PUT", "secret/destroy/{path}")
def kv_destroy(vault: Vault, body: dict[str, Any], me: str, path: str) -> Any:
    entry = kv_entry(vault, path)
    for version in body["versions"]:
        entry["versions"][str(version)]["destroyed"] = True
        entry["data"].pop(str(version), None)


# -- database, leases, aws engine --------------------------------------------


@route("POST PUT", "database/static-roles/{role}")
def static_role(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    vault.static[role] = {
        "username": body["username"],
        "password": "canary" + secrets.token_hex(12),
        "rotation_period": 3600,
        "last_vault_rotation": now(),
    }


@route("LIST", "database/static-roles")
def static_roles(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"data": {"keys": sorted(vault.static)}}


@route("GET", "database/static-creds/{role}")
def static_creds(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    if role not in vault.static:
        raise Refused(400, "unknown role")
    return {"data": vault.static[role]}


@route("POST PUT", "database/rotate-role/{role}")
def rotate_role(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    vault.static[role] |= {"password": "canary" + secrets.token_hex(12), "last_vault_rotation": now()}


@route("GET", "database/creds/{role}")
def creds(vault: Vault, body: dict[str, Any], me: str, role: str) -> Any:
    lease = f"database/creds/{role}/{secrets.token_hex(8)}"
    vault.leases[lease] = {"id": lease, "issue_time": now(), "expire_time": now(), "ttl": 3600, "left": -1}
    data = {"username": f"v-{secrets.token_hex(4)}", "password": "canary" + secrets.token_hex(12)}
    return {"lease_id": lease, "lease_duration": 3600, "renewable": True, "data": data}


@route("POST PUT", "sys/leases/lookup")
def lease_lookup(vault: Vault, body: dict[str, Any], me: str) -> Any:
    lease = vault.leases.get(body["lease_id"])
    if lease and lease["left"] > 0:
        lease["left"] -= 1
    if lease is None or lease["left"] == 0:
        vault.leases.pop(body["lease_id"], None)
        raise Refused(400, "invalid lease")
    return {"data": {name: value for name, value in lease.items() if name != "left"}}


@route("POST PUT", "sys/leases/revoke")
def lease_revoke(vault: Vault, body: dict[str, Any], me: str) -> Any:
    lease = vault.leases.get(body["lease_id"])
    if lease:
        lease["left"] = 3
    return (204 if body.get("sync") else 202), None


@route("GET", "aws/config/root")
def aws_root(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"data": vault.aws_root}


@route("POST PUT", "aws/config/rotate-root")
def aws_rotate(vault: Vault, body: dict[str, Any], me: str) -> Any:
    vault.aws_root = {"access_key": "AKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOP234567") for _ in range(16))}
    return {"data": vault.aws_root}


# -- transit -----------------------------------------------------------------


def transit(vault: Vault, key: str) -> dict[str, Any]:
    if key not in vault.keys:
        raise Refused(400, "encryption key not found")
    return vault.keys[key]


@route("POST PUT", "transit/keys/{key}")
def key_create(vault: Vault, body: dict[str, Any], me: str, key: str) -> Any:
    vault.keys[key] = {
        "type": "aes256-gcm96",
        "latest_version": 1,
        "min_decryption_version": 1,
        "min_encryption_version": 0,
    }


@route("GET", "transit/keys/{key}")
def key_read(vault: Vault, body: dict[str, Any], me: str, key: str) -> Any:
    return {"data": transit(vault, key)}


@route("POST PUT", "transit/keys/{key}/rotate")
def key_rotate(vault: Vault, body: dict[str, Any], me: str, key: str) -> Any:
    transit(vault, key)["latest_version"] += 1
    return {"data": transit(vault, key)}


@route("POST PUT", "transit/keys/{key}/config")
def key_config(vault: Vault, body: dict[str, Any], me: str, key: str) -> Any:
    transit(vault, key).update(body)
    return {"data": transit(vault, key)}


@route("POST PUT", "transit/encrypt/{key}")
def encrypt(vault: Vault, body: dict[str, Any], me: str, key: str) -> Any:
    found = transit(vault, key)
    version = body.get("key_version") or found["latest_version"]
    if not found["min_decryption_version"] <= version <= found["latest_version"]:
        raise Refused(400, "requested version for encryption is not allowed")
    sealed = base64.b64encode(body["plaintext"].encode()).decode()[::-1]
    return {"data": {"ciphertext": f"vault:v{version}:{sealed}"}}


@route("POST PUT", "transit/decrypt/{key}")
def decrypt(vault: Vault, body: dict[str, Any], me: str, key: str) -> Any:
    _, version, sealed = body["ciphertext"].split(":", 2)
    if int(version[1:]) < transit(vault, key)["min_decryption_version"]:
        raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
    return {"data": {"plaintext": base64.b64decode(sealed[::-1]).decode()}}


# -- sys ---------------------------------------------------------------------


@route("POST PUT", "sys/capabilities-self")
def capabilities(vault: Vault, body: dict[str, Any], me: str) -> Any:
    root = "root" in vault.tokens[me]["policies"]
    found: dict[str, Any] = {path: ["root"] if root else ["deny"] for path in body["paths"]}
    return {**found, "capabilities": ["root"], "data": found}


@route("POST PUT", "sys/capabilities-accessor")
def capabilities_of(vault: Vault, body: dict[str, Any], me: str) -> Any:
    return {"data": {path: ["deny"] for path in body["paths"]}}


@route("GET", "sys/{kind}")
def mounted(vault: Vault, body: dict[str, Any], me: str, kind: str) -> Any:
    return {"data": {"secret/": {"type": "kv"}} if kind == "mounts" else {"token/": {"type": "token"}}}


@route("POST PUT", "sys/policies/acl/{name}")
def policy(vault: Vault, body: dict[str, Any], me: str, name: str) -> Any: ...


@route("POST PUT", "sys/mounts/{name}")
def mount(vault: Vault, body: dict[str, Any], me: str, name: str) -> Any: ...


@route("POST PUT", "sys/auth/{name}")
def enable_auth(vault: Vault, body: dict[str, Any], me: str, name: str) -> Any: ...


OPEN = ("sys/health", "auth/approle/login", "auth/aws/login", "auth/userpass/login/", "sys/mounts/", "sys/auth/")


class Handler(BaseHTTPRequestHandler):
    vault: Vault
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None: ...

    def _serve(self) -> None:
        path, _, query = self.path.removeprefix("/v1/").partition("?")
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or "{}") if length else {}
        fields = frozenset(name for name in body if body[name] is not None)
        body.update(item.split("=", 1) for item in query.split("&") if "=" in item)
        me = self.headers.get("x-vault-token", "")
        with self.vault.lock:
            self.vault.calls.append(Call(self.command, path, fields))
            try:
                self.vault.before(self.command, path)
                answer = self._answer(path, body, me)
            except Refused as refused:
                answer = refused.status, {"errors": list(refused.errors)}
        try:
            self.vault.after(self.command, path)
        except ConnectionError:
            self.connection.close()
            self.close_connection = True
            return
        status, data = answer if isinstance(answer, tuple) else (200 if answer else 204, answer)
        payload = json.dumps(data).encode() if data is not None else b""
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _answer(self, path: str, body: dict[str, Any], me: str) -> Any:
        if me not in self.vault.tokens and not path.startswith(OPEN):
            raise Refused(403, "permission denied")
        for method, pattern, handler in ROUTES:
            match = pattern.match(path)
            if match and method == self.command:
                return handler(self.vault, body, me, **match.groupdict())
        raise Refused(404, f"no handler for route {path!r}")

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _serve


@contextmanager
def running() -> Iterator[tuple[str, Vault]]:
    """Serve a fresh Vault; yield its address and itself."""
    vault = Vault()
    with serving(type("BoundHandler", (Handler,), {"vault": vault})) as address:
        yield address, vault
