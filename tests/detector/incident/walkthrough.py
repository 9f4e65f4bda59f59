"""A playground for the first hour: a compromised package, thirty repositories, and fake providers and services.

`python -m tests.detector.incident.walkthrough` starts it in a temporary folder and
prints the commands to type; Ctrl-C stops it. The messages to Slack, PagerDuty and GitHub
are printed as they arrive. Nothing leaves this machine, and no key is real.
"""

from __future__ import annotations

import os
import shlex
import tempfile
import time
from pathlib import Path

from tests.detector.incident.world import PACKAGE, World, world
from tests.rotators.world import moto

COMMANDS = """leakfirst respond open {files} --package {package} {leaked}
leakfirst respond take {files}
leakfirst respond status {files}
leakfirst respond run notify --dry-run {files}
leakfirst respond next {files}
leakfirst respond report --html {folder}/incident.html {files}
leakfirst respond log --check {files}
leakfirst respond close --reason 'all dead' {files}      # it refuses and lists the open tasks
"""


def format_instructions(made: World) -> str:
    """Return the environment and the commands to type."""
    skipped = ("PATH", "HOME", "LANG", "LEAKFIRST_CACHE")
    exports = [f"export {name}={shlex.quote(text)}" for name, text in made.environment.items() if name not in skipped]
    files = f"--policy {made.folder}/rotation.toml --config {made.folder}/config.toml"
    commands = COMMANDS.format(files=files, package=PACKAGE, leaked=" ".join(made.leaked), folder=made.folder)
    return "\n".join([*exports, "", commands])


def main() -> None:
    """Run until interrupted."""
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    with tempfile.TemporaryDirectory(prefix="leakfirst-") as name, moto() as url, world(Path(name), url) as made:
        print(
            "Everything is running. In another terminal:\n\n" + format_instructions(made) + "\nCtrl-C stops it.",
            flush=True,
        )
        seen = 0
        try:
            while True:
                for method, path, _, body in made.receivers.requests[seen:]:
                    seen += 1
                    print(f"{method} {path}  {body[:160].decode('utf-8', 'replace')}", flush=True)
                time.sleep(0.5)
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
