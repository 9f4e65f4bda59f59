"""A repository with our hooks in it, driven by the real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from detector.rules.shapes import expand
from tests.program import CHECKOUT, run

ROOT = CHECKOUT


def token(seed: int = 1) -> str:
    """Return a made-up token that passes its checksum."""
    return expand("ghp_{alnum:30}{check:github-crc32}", seed)


def leakfirst(*words: str, cwd: Path, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would."""
    return run(*words, cwd=cwd, given=given, **environment)


class Repository:
    """One repository on disk."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *arguments, ".")

    def try_git(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run git and return what came of it."""
        env = {**os.environ, **environment}
        return subprocess.run(
            ["git", *words],
            cwd=self.path,
            env=env,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )

    def git(self, *words: str, **environment: str) -> str:
        """Run git, which must succeed."""
        done = self.try_git(*words, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, name: str | bytes, text: str | bytes) -> None:
        """Write a file of the working tree."""
        path = os.path.join(os.fsencode(self.path), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    def add(self, name: str | bytes, text: str | bytes) -> None:
        """Write a file and stage it."""
        self.write(name, text)
        self.git("add", "--", os.fsdecode(name))

    def commit(self, message: str = "change", *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Try to commit what is staged."""
        return self.try_git("commit", "-q", "-m", message, *words, **environment)

    def install(self, *words: str) -> None:
        """Install our hooks."""
        done = leakfirst("hook", "install", *words, cwd=self.path)
        assert done.returncode == 0, done.stderr

    @property
    def trail(self) -> str:
        """The audit trail."""
        places = [self.path / ".git" / "leakfirst" / "audit.jsonl", self.path / "leakfirst" / "audit.jsonl"]
        return "".join(place.read_text() for place in places if place.exists())
