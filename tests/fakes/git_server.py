"""A git server on this machine: git's own http-backend behind a plain HTTP server.

`private` wants the password, `moved` answers a redirect, `broken` a failure,
and a pack waits for the event in `held`; `asked` lists the paths with the passwords that came.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.fakes.serving import serving

BACKEND = Path(
    subprocess.run(["git", "--exec-path"], capture_output=True, text=True).stdout.strip(), "git-http-backend"
)
FREE = Event()
FREE.set()
CLEAN = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


class GitServer(NamedTuple):
    """Serves the repositories below `root` at `url`; the sets and maps may be changed at any time."""

    url: str
    root: Path
    private: dict[str, str]
    moved: dict[str, str]
    broken: set[str]
    held: dict[str, Event]
    asked: list[tuple[str, str]]


def git(folder: Path, *args: str) -> str:
    """Run git in *folder* with nobody's configuration."""
    done = subprocess.run(["git", *args], cwd=folder, env=CLEAN, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(root: Path, name: str, **files: str) -> Path:
    """Make a bare repository *name* below *root* with one commit on main that holds *files*."""
    bare = root / name
    bare.mkdir(parents=True)
    git(bare, "init", "--quiet", "--bare", "--template=", "--initial-branch=main")
    commit(bare, **(files or {"readme": name}))
    return bare


def commit(bare: Path, branch: str = "main", root: bool = False, **files: str) -> str:
    """Add a commit with *files* to *branch*; with *root* it replaces the branch. Returns its id."""
    entries = []
    for name, text in files.items():
        blob = subprocess.run(
            ["git", "hash-object", "-w", "--stdin"], cwd=bare, env=CLEAN, input=text, capture_output=True, text=True
        ).stdout.strip()
        entries.append(f"100644 blob {blob}\t{name}\n")
    tree = subprocess.run(
        ["git", "mktree"], cwd=bare, env=CLEAN, input="".join(entries), capture_output=True, text=True
    ).stdout.strip()
    known = git(bare, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
    parent = ["-p", known] if known and not root else []
    made = git(bare, "commit-tree", tree, *parent, "-m", "change")
    git(bare, "update-ref", f"refs/heads/{branch}", made)
    return made


class GitHandler(BaseHTTPRequestHandler):
    """Answers as `git http-backend` does, and as `served` says."""

    served: GitServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("content-length", 0))))

    def _serve(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        given = self.headers.get("authorization", "").removeprefix("Basic ")
        password = base64.b64decode(given).decode().partition(":")[2]
        self.served.asked.append((parts.path, password))
        name = next(
            (
                n
                for n in (*self.served.private, *self.served.moved, *self.served.broken)
                if parts.path.startswith(f"/{n}/")
            ),
            "",
        )
        if name in self.served.moved:
            return self._plain(301, location=self.path.replace(f"/{name}", self.served.moved[name], 1))
        if name in self.served.broken:
            return self._plain(503)
        if name in self.served.private and password != self.served.private[name]:
            return self._plain(401, **{"www-authenticate": 'Basic realm="git"'})
        if b"command=fetch" in body:
            self.served.asked.append((parts.path, "fetch"))
            self.served.held.get(parts.path.strip("/").partition("/")[0], FREE).wait(30)
        environment = {
            **CLEAN,
            "GIT_PROJECT_ROOT": str(self.served.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
            "REMOTE_USER": "x",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run([BACKEND], input=body, env=environment, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        self._plain(int(fields.pop("Status", "200 ").split(" ")[0]), content, **fields)

    def _plain(self, status: int, content: bytes = b"", **fields: str) -> None:
        self.send_response(status)
        for field, value in fields.items():
            self.send_header(field, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def git_server(root: Path) -> Iterator[GitServer]:
    """Serve *root* over HTTP until the block ends."""
    served = GitServer("", root, {}, {}, set(), {}, [])
    with serving(type("Handler", (GitHandler,), {"served": served})) as url:
        yield served._replace(url=url)


def remove(root: Path, name: str) -> None:
    """Delete the repository *name*."""
    shutil.rmtree(root / name)
