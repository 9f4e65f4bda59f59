"""Synthetic repositories for a sweep: forks, shared history, vendored copies, planted credentials.

Everything depends on a seed. git itself writes the objects (fast-import), so two
hundred repositories take a few seconds.
"""

import os
import random
import subprocess
from pathlib import Path

from detector.rules.shapes import expand

SHAPES = ("ghp_{alnum:30}{check:github-crc32}", "glpat-{alnum:20}", "sk_live_{alnum:24}")
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


def run_git(folder: Path, *words: str, given: bytes = b"") -> bytes:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", str(folder), *words], input=given, check=True, capture_output=True, env=environment
    )
    return done.stdout


class ImportStream:
    """A stream for git fast-import."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = 1_700_000_000 + seed
        self.parts: list[bytes] = []

    def commit(self, branch: str, files: dict[str, str | None], message: str, onto: str = "") -> None:
        """Write a commit that changes *files*; None removes one."""
        self.clock += self.random.randrange(60, 4000)
        who = b"Ada Example <ada@example.test> %d +0000" % self.clock
        text = message.encode()
        head = b"commit refs/heads/%s\ncommitter %s\ndata %d\n%s\n" % (branch.encode(), who, len(text), text)
        if onto:
            head += b"from %s\n" % onto.encode()
        self.parts.append(head)
        for path, content in files.items():
            if content is None:
                self.parts.append(b"D %s\n" % path.encode())
            else:
                data = content.encode()
                self.parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))

    def make_text(self, lines: int = 30) -> str:
        """Make a file of words."""
        return "".join(" ".join(self.random.choices(WORDS, k=6)) + "\n" for _ in range(lines))

    def write_to(self, folder: Path) -> None:
        """Write the commits to the repository at *folder*."""
        run_git(folder, "fast-import", "--quiet", "--force", given=b"".join(self.parts))
        self.parts.clear()


def make_secret(number: int) -> str:
    return expand(SHAPES[number % len(SHAPES)], 1000 + number)


def make_vendored_files() -> dict[str, str]:
    """Return the files that many repositories contain; one of them has a credential."""
    stream = ImportStream(424242)
    files: dict[str, str | None] = {f"vendor/lib/{number}.py": stream.make_text() for number in range(40)}
    files["vendor/lib/test_config.py"] = f'TOKEN = "{make_secret(9999)}"\n'
    return {path: text for path, text in files.items() if text is not None}


def make_repository(folder: Path, number: int, commits: int = 12) -> Path:
    """Make a repository: some commits, a branch, a credential at the branch head, one in the history, one vendored."""
    folder.mkdir(parents=True)
    run_git(folder, "init", "-q", "--bare", "-b", "main", ".")
    stream = ImportStream(number)
    files: dict[str, str | None] = {f"src/{which}.txt": stream.make_text() for which in range(4)}
    if number % 3 == 0:
        files.update(make_vendored_files())
    stream.commit("main", files, "Begin")
    stream.commit("main", {"config/app.env": f"TOKEN={make_secret(2 * number)}\n"}, "Add the token")
    for which in range(commits):
        changed: dict[str, str | None] = {f"src/{which % 4}.txt": stream.make_text()}
        if which == commits // 2:
            changed["deploy.sh"] = f"curl -H 'Authorization: {make_secret(2 * number + 1)}' https://example.test\n"
        if which == commits - 2:
            changed["deploy.sh"] = "true\n"
        stream.commit("main", changed, f"Change {which}")
    stream.commit("side", {"notes.txt": stream.make_text(5)}, "Aside", onto="refs/heads/main")
    stream.write_to(folder)
    return folder


def make_fork(of: Path, folder: Path, number: int) -> Path:
    """Make a fork with a few commits and its own credential; every other fork shares no pack with its origin."""
    run_git(of.parent, "clone", "-q", "--bare", *(("--no-local",) if number % 2 else ()), str(of), str(folder))
    stream = ImportStream(50_000 + number)
    stream.commit("main", {"fork.txt": stream.make_text()}, "Fork", onto="refs/heads/main^0")
    stream.commit("main", {"local.env": f"KEY={make_secret(30_000 + number)}\n"}, "Settings")
    stream.write_to(folder)
    return folder


def make_fleet(folder: Path, count: int) -> list[Path]:
    """Make *count* repositories, two of five of them forks of the others."""
    made: list[Path] = []
    families: list[Path] = []
    for number in range(count):
        place = folder / f"r{number:04}.git"
        if number % 5 in (3, 4):
            made.append(make_fork(families[number // 7 % len(families)], place, number))
        else:
            families.append(make_repository(place, number))
            made.append(families[-1])
    return made
