"""A playground for rotation: an AWS emulator, a repository with a planted key, and a policy.

`python -m tests.rotators.walkthrough` starts it in a temporary folder and says
what to type; Ctrl-C ends it. Nothing leaves this machine, and no key is real.
"""

from __future__ import annotations

import pathlib
import subprocess
import tempfile
import time

from tests.rotators.world import Aws, moto

POLICY = """[accounts]
allow = ["aws:123456789012"]

[[rotate]]
rules = ["aws.*"]
may = ["disable", "reissue", "delete"]
destinations = ["prod"]
grace = "5s"

[rotators.aws-iam]
endpoint = "{url}"
end_sessions = false   # the emulator would deny the new key as well
prove_by_use = false   # the emulator takes an inactive key for a live one

[destinations.prod]
store = "aws-secrets-manager"
endpoint = "{url}"
secret = "{secret}"
"""

COMMANDS = """export LEAKFIRST_HOME={folder}/home AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
leakfirst scan {folder}/repository --report json={folder}/report.json
leakfirst rotate plan {folder}/report.json --policy {folder}/rotation.toml
# read the plan; it ends with the command that approves it (add --policy {folder}/rotation.toml)
leakfirst rotate apply PLAN --policy {folder}/rotation.toml
leakfirst rotate status
leakfirst rotate resume --all --policy {folder}/rotation.toml   # after five seconds: the old key is deleted
leakfirst rotate log --check
"""


def plant(url: str, folder: pathlib.Path) -> Aws:
    """Make the account, the repository with its history, and the policy."""
    account = Aws(url)
    account.plant()
    repository = folder / "repository"
    repository.mkdir()

    def git(*words: str) -> None:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
        subprocess.run(["git", *identity, "-C", str(repository), *words], check=True, capture_output=True)

    git("init", "-q")
    settings = repository / "settings.ini"
    settings.write_text(f"[aws]\naws_access_key_id = {account.old[0]}\naws_secret_access_key = {account.old[1]}\n")
    git("add", ".")
    git("commit", "-qm", "Add settings")
    settings.write_text("[aws]\n")
    git("commit", "-qam", "Remove the key; it stays in the history")
    policy = folder / "rotation.toml"
    policy.touch(0o600)
    policy.write_text(POLICY.format(url=url, secret=account.secret))
    return account


def main() -> None:
    """Run until interrupted."""
    with tempfile.TemporaryDirectory(prefix="leakfirst-") as name, moto() as url:
        plant(url, pathlib.Path(name))
        print("The emulator runs. In another terminal:\n\n" + COMMANDS.format(folder=name) + "\nCtrl-C ends it.")
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
