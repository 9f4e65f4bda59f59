"""Measure the pre-commit hook: its total time, the time of each phase, and growth with the number of files.

    python benchmarks/hook.py REPOSITORY [-n RUNS]

The repository is cloned to a temporary folder, where `leakfirst hook install` installs the hook. Twenty of its files
are changed and staged. The hook runs as git runs it, alternating with bare Python and, if it is on the PATH
(`pip install kingfisher-bin`), with `kingfisher scan --staged`. Compare wall times within one run only.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

from timing import compare_commands, format_table

ISOLATED = (sys.executable, "-I", "-S")
FILES = 20
GROWTH = (250, 500, 1000)
PHASES = """
import sys, time
began = time.perf_counter()
laps = []
def lap(name):
    laps.append((name, time.perf_counter()))
sys.path += {folders!r}
import gc; gc.disable()
from hooks.core import git as _git; lap("import the git plumbing")
listing, objects = _git.start_listing(), _git.ObjectReader(); lap("start two git processes")
from hooks import pre_commit; from hooks.core import examine as _examine; lap("import the engine")
engine = _examine.load_engine(_examine.parse_options([])); lap("load the rules and the automaton")
changes = _git.read_changes(listing); lap("wait for the list of git")
share = pre_commit._make_share(objects, [change for change in changes if change.new])
examined = _examine.examine(share, engine)
lap("read and examine the blobs")
last = began
for name, at in laps:
    print(f"{{(at - last) * 1000:7.2f}} ms  {{name}}")
    last = at
print(f"{{(last - began) * 1000:7.2f}} ms  in total, without the start of Python and the shell; "
      f"{{len(changes)}} files, {{len(examined.sightings)}} sightings")
"""


def run_git(folder: str, *words: str) -> str:
    """Run git in *folder*."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
    return subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def change_files(folder: str, count: int) -> None:
    """Append a line to *count* text files and stage them."""
    names = [name for name in run_git(folder, "ls-files", "-z").split("\0") if name]
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
    run_git(folder, "add", "-u")
    print(f"{changed} changed files of {len(names)}")


def generate_repository(folder: str, count: int) -> None:
    """Create a repository with *count* staged files of a few kilobytes."""
    os.makedirs(folder)
    run_git(folder, "init", "-q", ".")
    for number in range(count):
        with open(os.path.join(folder, f"file{number}.py"), "w", encoding="utf-8") as file:
            file.write("".join(f"def f_{number}_{line}(value):\n    return value + {line}\n" for line in range(50)))
    run_git(folder, "add", "-A")


def install_hook(folder: str) -> list[str]:
    """Install the hook in *folder* and return the command by which git runs it."""
    words = ["hook", "install", "pre-commit", "--repository", folder]
    subprocess.run([sys.executable, "-m", "detector", *words], check=True, stdout=subprocess.DEVNULL)
    return [os.path.join(folder, ".git", "hooks", "pre-commit")]


def measure_phases(hook: str, folder: str) -> str:
    """Run the phases of the installed script *hook* in the repository *folder* and return their times as a table."""
    with open(hook, encoding="utf-8") as file:
        start = next(shlex.split(line)[5] for line in file if " -I -S -c " in line)
    folders = start.partition("+= ")[2].partition(";")[0]
    code = PHASES.replace("{folders!r}", folders).replace("{{", "{").replace("}}", "}")
    done = subprocess.run([*ISOLATED, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> None:
    """Print three tables: the commands, the phases of the hook, and the growth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", metavar="REPOSITORY")
    parser.add_argument("-n", type=int, default=15, metavar="RUNS", help="measured runs per command")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        clone = os.path.join(base, "clone")
        subprocess.run(["git", "clone", "-q", args.repository, clone], check=True)
        change_files(clone, FILES)
        hook = install_hook(clone)
        commands = {"the hook": hook, "python -I -S -c pass": [*ISOLATED, "-c", "pass"]}
        if kingfisher := shutil.which("kingfisher"):
            commands["kingfisher scan --staged"] = [
                kingfisher, "scan", "--staged", "--no-validate", "--no-update-check", "."
            ]  # fmt: skip
        print(format_table(compare_commands(commands, args.n, clone)))
        print()
        measure_phases(hook[0], clone)  # warms up
        print(measure_phases(hook[0], clone))
        growth = {}
        for count in GROWTH:
            folder = os.path.join(base, f"files-{count}")
            generate_repository(folder, count)
            script = install_hook(folder)[0]
            growth[f"{count} staged files"] = ["sh", "-c", f"cd {shlex.quote(folder)} && {shlex.quote(script)}"]
        print(format_table(compare_commands(growth, max(3, args.n // 3))))


if __name__ == "__main__":
    main()
