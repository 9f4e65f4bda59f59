"""Build real repositories with real git, in a clean environment with fixed dates."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path


class Built:
    """A repository under construction; every call is one git command."""

    def __init__(self, path: Path, *init: str) -> None:
        self.path = path
        self.clock = 1_700_000_000
        if init != ("exists",):
            path.mkdir(parents=True, exist_ok=True)
            self.git("init", "-q", "-b", "main", *init)

    def git(self, *args: str, given: bytes | None = None, check: bool = True) -> str:
        self.clock += 60
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Bob",
            "GIT_COMMITTER_EMAIL": "bob@example.com",
            "GIT_AUTHOR_DATE": f"{self.clock} +0200",
            "GIT_COMMITTER_DATE": f"{self.clock} +0200",
            "LC_ALL": "C",
        }
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", "-c", "gc.auto=0", *args],
            cwd=self.path,
            env=environment,
            input=given,
            capture_output=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"git {args}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, name: str, content: bytes) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def commit(self, name: str, content: bytes, message: str = "change") -> str:
        """Write one file and commit it; return the commit."""
        self.write(name, content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", given=content)

    def history(self, commits: int = 12, seed: int = 1) -> None:
        """Commit versions of a few files that git stores as deltas."""
        chance = random.Random(seed)
        lines = [b"line %d %d\n" % (number, chance.getrandbits(60)) for number in range(200)]
        for number in range(commits):
            lines[chance.randrange(len(lines))] = b"changed %d\n" % chance.getrandbits(60)
            lines.insert(chance.randrange(len(lines)), b"new %d\n" % chance.getrandbits(60))
            self.write("big.txt", b"".join(lines))
            self.commit(f"dir/file {number % 3}.txt", b"".join(lines[number : number + 60]), f"step {number}")

    def every_object(self) -> dict[str, tuple[str, bytes]]:
        """Return all objects as git reads them: the oracle of the tests."""
        found = {}
        for line in self.git("cat-file", "--batch-all-objects", "--batch-check").splitlines():
            name, kind, _ = line.split()
            done = subprocess.run(["git", "cat-file", kind, name], cwd=self.path, capture_output=True, check=True)
            found[name] = (kind, done.stdout)
        return found
