"""One's own rotator and store, as a program and as a service: the worked example of the docs runs."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core.model import Leak
from tests.fakes.own_provider import Provider
from tests.fakes.serving import serving
from tests.rotators.world import Operator, policy, secret_text

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "rotation.md"


def example(title: str) -> str:
    """Return the block of the docs that follows the line with *title*."""
    match = re.search(rf"{re.escape(title)}.*?```\w+\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert match, f"the docs show no {title}"
    return match[1]


def install(package: pathlib.Path) -> None:
    """Lay the rotator of the docs out as pip installs it."""
    package.mkdir()
    (package / "acme_rotator.py").write_text(example("A rotator of your own"))
    project = tomllib.loads(example("### Its package and its tests"))["project"]
    info = package / "leakfirst_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    ((group, entries),) = project["entry-points"].items()
    lines = [f"{name} = {module}" for name, module in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))


@pytest.mark.slow
def test_the_tests_of_the_docs_pass_with_the_package_of_the_docs(tmp_path: pathlib.Path) -> None:
    """As a third party runs them: with what `leakfirst.testing` offers, and nothing of our own tests."""
    package = tmp_path / "package"
    install(package)
    code = example("lets it go on.")
    (tmp_path / "test_acme.py").write_text(code)
    root = str(pathlib.Path(__file__).parents[2])
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme.py"],
        cwd=tmp_path,
        env={**env, "PYTHONPATH": os.pathsep.join([str(package), root])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    broken = (package / "acme_rotator.py").read_text()
    removal = "self._write([key for key in self._keys() if key != self._leaked])"
    assert broken.count(removal) == 1
    (package / "acme_rotator.py").write_text(broken.replace(removal, "pass"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme.py", "-k", "promises"],
        cwd=tmp_path,
        env={**env, "PYTHONPATH": os.pathsep.join([str(package), root])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "disable did not end the credential" in done.stdout, "a broken promise is not noticed"


PROGRAM = """
import json, sys, pathlib
sys.path.insert(0, {root!r})
from tests.fakes.own_provider import Provider
from tests.fakes.serving import serving
assert not any("canary" in word for word in sys.argv)
import os
assert not any("canary" in value for value in os.environ.values())
assert "SOMETHING_ELSE" not in os.environ
print(json.dumps(Provider(pathlib.Path({state!r})).answer(json.load(sys.stdin))))
"""

VERBS = ["identify", "create", "discard", "strays", "verify_new", "verify_dead", "disable"]


@pytest.fixture
def state(tmp_path: pathlib.Path) -> tuple[pathlib.Path, str]:
    leaked = secret_text()
    path = tmp_path / "provider.json"
    path.write_text(json.dumps({"old": leaked, "stored": leaked}))
    return path, leaked


def finish(settings: dict[str, Any], name: str, folder: pathlib.Path, leaked: str) -> None:
    places = {"own": (name, settings)}
    leak = Leak("acme.key", "lf1:o", Secret(leaked.encode()))
    operator = Operator(str(folder), policy(name, {**settings, "verbs": VERBS}, places), leak)
    plan = operator.approved(rotator_name=name)
    assert operator.finish(plan).state == "finished"
    assert "prove-dead done" in operator.steps(plan)


def test_a_program(state: tuple[pathlib.Path, str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, leaked = state
    monkeypatch.setenv("SOMETHING_ELSE", "not for the program")
    program = tmp_path / "rotate.py"
    root = str(pathlib.Path(__file__).parents[2])
    program.write_text(PROGRAM.format(root=root, state=str(path)))
    finish({"command": [sys.executable, str(program)]}, "command", tmp_path / "state", leaked)
    keys = json.loads(path.read_text())
    assert keys["stored"] == keys["new"] != leaked
    assert "old" not in keys


@contextmanager
def serve(state: pathlib.Path) -> Iterator[str]:
    """Play a provider behind a webhook, whose keys are in the file *state*."""

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            signed = hmac.new(b"shared", body, hashlib.sha256).hexdigest()
            good = self.headers["x-leakfirst-signature"] == f"sha256={signed}"
            answer = json.dumps(Provider(state).answer(json.loads(body))).encode() if good else b"{}"
            self.send_response(200 if good else 403)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(answer)

    with serving(Handler) as address:
        yield address


@pytest.fixture
def service(state: tuple[pathlib.Path, str]) -> Iterator[str]:
    with serve(state[0]) as address:
        yield address


def test_a_service(
    state: tuple[pathlib.Path, str], service: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_KEY", "shared")
    finish({"url": service, "key_env": "HOOK_KEY"}, "webhook", tmp_path / "state", state[1])
    keys = json.loads(state[0].read_text())
    assert keys["stored"] == keys["new"]


def test_a_service_without_tls_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", "shared")
    with pytest.raises(UsageError, match="https"):
        finish({"url": "http://hooks.example.test", "key_env": "HOOK_KEY"}, "webhook", tmp_path, "canary")


def test_the_rotator_of_the_docs_works(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, state: tuple[pathlib.Path, str]
) -> None:
    """A third party's module, found by its entry point."""
    package = tmp_path / "package"
    install(package)
    monkeypatch.syspath_prepend(str(package))
    keys = tmp_path / "keys"
    keys.write_text("canary-old\n")
    env = tmp_path / ".env"
    env.write_text("ACME_KEY=canary-old\n")
    places = {"env": ("env-file", {"path": str(env), "fields": {"value": "ACME_KEY"}})}
    leak = Leak("acme.api-key", "lf1:a", Secret(b"canary-old"))
    operator = Operator(str(tmp_path / "state"), policy("acme", {"keys": str(keys)}, places), leak)
    plan = operator.approved()
    assert plan.rotator == "acme"
    assert operator.finish(plan).state == "finished"
    assert env.read_text().strip() == "ACME_KEY=" + keys.read_text().strip()
    assert os.path.getsize(keys) > 0
