"""A small world for rotation tests: emulators, a policy, a leak, and a clock that can be turned."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from detector.secret import Secret
from rotators.core import aws
from rotators.core.model import Leak
from rotators.core.testing import Operator as Operator
from rotators.core.testing import Time as Time
from rotators.core.testing import make_policy

policy = make_policy


def secret_text(length: int = 40, alphabet: str = "abcdefghijkmnpqrstuvwxyz23456789") -> str:
    """Return a value that is unmistakable in a search, and no live-looking token."""
    return "canary" + "".join(secrets.choice(alphabet) for _ in range(length - 6))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def server(command: list[str], port: int, env: Mapping[str, str], ready: str = "/") -> Iterator[str]:
    """Run *command* until the block ends; wait until it answers."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    process = subprocess.Popen(command, env={**clean, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}")
            try:
                urllib.request.urlopen(url + ready, timeout=60).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[0]} does not answer")
        yield url
    finally:
        process.kill()
        process.wait()


@contextmanager
def moto() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with server(command, port, {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}, "/moto-api/data.json") as url:
        yield url


def moto_api(url: str, path: str, body: bytes = b"") -> None:
    urllib.request.urlopen(
        urllib.request.Request(f"{url}/moto-api/{path}", body, {"content-type": "text/plain"}, method="POST")
    ).close()


@lru_cache(maxsize=64)
def _client(url: str, service: str, keys: tuple[str, str]) -> Any:
    return aws.make_client(service, {"endpoint": url}, keys=(keys[0], Secret(keys[1].encode()), None))


class Aws:
    """An account on an emulator: a operator, a leaked user key, and a secret that holds it."""

    def __init__(self, url: str, root: tuple[str, str] = ("test", "test")) -> None:
        self.url, self.root = url, root
        self.user = f"leaky-{secrets.token_hex(4)}"
        self.secret = f"app/{self.user}"

    def client(self, service: str, keys: tuple[str, str] | None = None) -> Any:
        return _client(self.url, service, keys or self.root)

    def plant(self) -> Leak:
        import json

        iam = self.client("iam")
        iam.create_user(UserName=self.user)
        key = iam.create_access_key(UserName=self.user)["AccessKey"]
        self.old = (key["AccessKeyId"], key["SecretAccessKey"])
        document = {"access_key_id": self.old[0], "secret_access_key": self.old[1], "host": "db.test"}
        self.client("secretsmanager").create_secret(Name=self.secret, SecretString=json.dumps(document))
        return Leak(
            "aws.access-key",
            "lf1:" + self.user,
            Secret(self.old[0].encode()),
            {"secret_access_key": Secret(self.old[1].encode())},
            verdict="live",
        )

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"endpoint": self.url, "region": "us-east-1", **more}

    def keys(self) -> dict[str, str]:
        listed = self.client("iam").list_access_keys(UserName=self.user)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in listed}

    def stored(self, **which: str) -> dict[str, str]:
        import json

        which = which or {"VersionStage": "AWSCURRENT"}  # without it, moto keeps to the first version
        answer = self.client("secretsmanager").get_secret_value(SecretId=self.secret, **which)
        found: dict[str, str] = json.loads(answer["SecretString"])
        return found


def ministack_program() -> str:
    """Return the ministack program: `LEAKFIRST_MINISTACK`, or one in a cache folder, installed on demand.

    It pins another botocore than ours, so it lives in an environment of its own.
    """
    if given := os.environ.get("LEAKFIRST_MINISTACK"):
        return given
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    home = os.path.join(cache, "leakfirst-tests", "ministack")
    program = os.path.join(home, "bin", "ministack")
    if not os.path.exists(program):
        subprocess.run([sys.executable, "-m", "venv", home], check=True, capture_output=True)
        pip = [os.path.join(home, "bin", "pip"), "install", "--quiet", "ministack"]
        subprocess.run(pip, check=True, capture_output=True)
    return program


@contextmanager
def ministack() -> Iterator[str]:
    port = free_port()
    env = {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with server([ministack_program()], port, env) as url:
        yield url
