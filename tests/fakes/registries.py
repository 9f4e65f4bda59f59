"""Registries of packages: verdaccio and pypiserver where they are installed, and one that answers as it is told."""

from __future__ import annotations

import atexit
import base64
import gzip
import hashlib
import io
import json
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest

from tests.fakes.servers import free_port, program, running


class Answer(NamedTuple):
    """What a server says to one request; *endless* repeats the body for ever, *cut* promises more than there is."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    endless: bool = False
    cut: bool = False


class Server:
    """A server on this machine. `answers` are by path; a list is used up from the front, its last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | list[Answer] | Callable[[str], Answer]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self)

            do_HEAD = do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        atexit.register(self.close)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("content-length") or 0))
        self.asked.append((handler.path, {name.lower(): value for name, value in handler.headers.items()}))
        found = self.answers.get(handler.path, self.answers.get(handler.path.partition("?")[0], Answer(404)))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if not isinstance(found, Answer):
            found = found(handler.path)
        assert isinstance(found, Answer)
        handler.send_response(found.status)
        for name, value in found.headers.items():
            handler.send_header(name, value)
        if not found.endless:
            handler.send_header("Content-Length", str(len(found.body) + (1000 if found.cut else 0)))
        if found.endless or found.cut:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        if handler.command == "HEAD":
            return
        try:
            handler.wfile.write(found.body)
            self.sent += len(found.body)
            while found.endless:
                handler.wfile.write(found.body)
        except OSError:
            handler.close_connection = True


@contextmanager
def server() -> Iterator[Server]:
    made = Server()
    try:
        yield made
    finally:
        made.close()


def answer_json(value: object, **headers: str) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def make_tgz(files: Mapping[str, bytes]) -> bytes:
    """Return an archive that depends on *files* alone."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def make_integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def add_npm_package(at: Server, name: str, versions: Mapping[str, bytes]) -> None:
    """Let *at* offer the archives of *versions*, the last of which is the latest."""
    listed = {}
    for version, content in versions.items():
        path = f"/{name}/-/{name}-{version}.tgz"
        at.answers[path] = Answer(200, content)
        dist = {"tarball": at.url + path, "integrity": make_integrity(content), "unpackedSize": 10 * len(content)}
        listed[version] = {"name": name, "version": version, "dist": dist}
    tags = {"latest": list(versions)[-1]}
    at.answers[f"/{name}"] = answer_json({"name": name, "dist-tags": tags, "versions": listed})


# -- real registries ---------------------------------------------------------------


@contextmanager
def verdaccio(folder: Path) -> Iterator[str]:
    """Run verdaccio with an empty storage, open to everybody."""
    command = program("verdaccio")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(
        "storage: ./storage\nauth: {htpasswd: {file: ./htpasswd}}\nuplinks: {}\nmax_body_size: 300mb\n"
        "packages: {'@*/*': {access: $all, publish: $all}, '**': {access: $all, publish: $all}}\n"
        "log: {type: stdout, format: json, level: warn}\n"
    )
    port = free_port()
    with running([command, "-c", str(folder / "config.yaml"), "-l", f"127.0.0.1:{port}"], port, folder):
        yield f"http://127.0.0.1:{port}"


def publish_npm(registry: str, name: str, version: str, archive: bytes) -> None:
    """Publish an archive as `npm publish` does."""
    file = f"{name.rpartition('/')[2]}-{version}.tgz"
    dist = {
        "integrity": make_integrity(archive),
        "shasum": hashlib.sha1(archive).hexdigest(),
        "tarball": f"{registry}/{name}/-/{file}",
    }
    document = {
        "_id": name,
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {version: {"name": name, "version": version, "dist": dist}},
        "_attachments": {
            file: {
                "content_type": "application/octet-stream",
                "data": base64.b64encode(archive).decode(),
                "length": len(archive),
            }
        },
    }
    request = Request(
        f"{registry}/{name.replace('/', '%2f')}",
        json.dumps(document).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer none"},
        method="PUT",
    )
    with urlopen(request, timeout=120) as reply:
        assert reply.status == 201


@contextmanager
def pypiserver(folder: Path) -> Iterator[str]:
    """Run pypiserver over the archives in *folder*."""
    if find_spec("pypiserver") is None:
        pytest.skip("pypiserver is not installed")
    port = free_port()
    words = ["-m", "pypiserver", "run", "-i", "127.0.0.1", "-p", str(port), "--disable-fallback", str(folder)]
    with running([sys.executable, *words], port, folder.parent):
        yield f"http://127.0.0.1:{port}/simple"
