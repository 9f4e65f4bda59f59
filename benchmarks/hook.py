"""What the hook for commits costs: the whole of it, where the time goes, how it grows.

    python benchmarks/hook.py A-REPOSITORY [-n RUNS]

The repository is cloned to a temporary folder, where `leakfirst hook install` installs the hook as for a
user. Twenty of its files are changed and staged; the hook is run as git runs it, alternating with bare Python and,
where it is on the PATH (`pip install kingfisher-bin`), with `kingfisher scan --staged`. Wall times of commands that
alternate are comparable with one another, not from day to day.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

from timing import compare, table

FILES = 20
MANY = (250, 500, 1000)
PHASES = """
import sys, time
began = time.perf_counter()
laps = []
def lap(name):
    laps.append((name, time.perf_counter()))
sys.path += {folders!r}
import gc; gc.disable()
from hooks import _git; lap("imports: git plumbing, typing")
listing, objects = _git.start_listing(), _git.Objects(); lap("start two git processes")
from hooks import _look, pre_commit; lap("imports: engine, model")
engine = _look.engine_for(_look.Options()); lap("load the rules and the automaton")
changes = _git.staged(listing); lap("wait for git's list")
seen = _look.look(pre_commit._portion(objects, [change for change in changes if change.new]), engine)
lap("read and examine the blobs")
last = began
for name, at in laps:
    print(f"{{(at - last) * 1000:7.2f}} ms  {{name}}")
    last = at
print(f"{{(last - began) * 1000:7.2f}} ms  in all, without starting Python and the shell; "
      f"{{len(changes)}} files, {{len(seen.sightings)}} sightings")
"""


def git(folder: str, *words: str) -> str:
    """Run git in *folder*."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
    return subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def change(folder: str, count: int) -> None:
    """Change *count* text files that are there, and stage them."""
    names = [name for name in git(folder, "ls-files", "-z").split("\0") if name]
    changed = 0
    for name in names[:: max(1, len(names) // (count * 3))] + names:
        path = os.path.join(folder, name)
        if changed == count or os.path.islink(path) or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            content = file.read()
        if b"\0" in content[:8192] or content.endswith(b"# changed\n"):
            continue
        with open(path, "ab") as file:
            file.write(b"\n# changed\n")
        changed += 1
    git(folder, "add", "-u")
    print(f"{changed} changed files of {len(names)}")


def generate(folder: str, count: int) -> None:
    """Make a repository with *count* staged files of some kilobytes."""
    os.makedirs(folder)
    git(folder, "init", "-q", ".")
    for number in range(count):
        with open(os.path.join(folder, f"file{number}.py"), "w", encoding="utf-8") as file:
            file.write("".join(f"def f_{number}_{line}(value):\n    return value + {line}\n" for line in range(50)))
    git(folder, "add", "-A")


def install(folder: str) -> list[str]:
    """Install the hook in *folder* and return the command by which git runs it."""
    words = ["hook", "install", "pre-commit", "--repository", folder]
    subprocess.run([sys.executable, "-m", "detector", *words], check=True, stdout=subprocess.DEVNULL)
    return [os.path.join(folder, ".git", "hooks", "pre-commit")]


def main() -> None:
    """Print three tables: the commands side by side, the phases, the growth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository")
    parser.add_argument("-n", type=int, default=15)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        clone = os.path.join(base, "clone")
        subprocess.run(["git", "clone", "-q", args.repository, clone], check=True)
        change(clone, FILES)
        hook = install(clone)
        isolated = [sys.executable, "-I", "-S"]
        commands = {"the hook": hook, "python -I -S -c pass": [*isolated, "-c", "pass"]}
        if kingfisher := shutil.which("kingfisher"):
            commands["kingfisher scan --staged"] = [
                kingfisher, "scan", "--staged", "--no-validate", "--no-update-check", "."
            ]  # fmt: skip
        print(table(compare(commands, args.n, clone)))
        print()
        with open(hook[0], encoding="utf-8") as file:
            start = next(shlex.split(line)[5] for line in file if " -I -S -c " in line)
            folders = start.partition("+= ")[2].partition(";")[0]
        code = PHASES.replace("{folders!r}", folders).replace("{{", "{").replace("}}", "}")
        for _ in range(2):  # the first is to warm up
            shown = subprocess.run([*isolated, "-c", code], cwd=clone, capture_output=True, text=True, check=True)
        print(shown.stdout)
        growing = {}
        for count in MANY:
            folder = os.path.join(base, f"many{count}")
            generate(folder, count)
            script = install(folder)[0]
            growing[f"{count} staged files"] = ["sh", "-c", f"cd {shlex.quote(folder)} && {shlex.quote(script)}"]
        print(table(compare(growing, max(3, args.n // 3))))


if __name__ == "__main__":
    main()
