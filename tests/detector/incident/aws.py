"""A leak of AWS keys under a rotation policy, against moto."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leakfirst._program import main
from tests.rotators.world import Aws

KINDS = """
[rotators.aws-iam]
endpoint = "{url}"
end_sessions = false
prove_by_use = false
"""


ALLOWED = '[accounts]\nallow = ["aws:*"]\n'


AUTO = '[[rotate]]\nrules = ["aws.*"]\ndecide = "auto"\norder = "contain-first"\nmay = ["disable"]\n'


ASK = '[[rotate]]\nrules = ["aws.*"]\norder = "contain-first"\nmay = ["disable"]\n'


class Operator:
    """A leak of both keys under one policy."""

    def __init__(self, folder: Path, accounts: list[Aws], policy: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.leaked = folder / "leaked.js"
        self.leaked.write_text(
            "".join(f'const k{n} = {{ id: "{a.old[0]}", awsSecret: "{a.old[1]}" }};\n' for n, a in enumerate(accounts))
        )
        self.files = ["--policy", str(folder / "rotation.toml"), "--config", str(folder / "config.toml")]
        (folder / "config.toml").write_text(
            f'[verify]\nallow-internal = ["127.0.0.1"]\n[verify.host]\n"aws.*" = "{accounts[0].url}"\n'
        )
        self.policy(policy + KINDS.format(url=accounts[0].url))

    def policy(self, text: str) -> None:
        path = Path(self.files[1])
        path.touch(0o600)
        path.write_text(text)

    def __call__(self, *words: str) -> dict[str, Any]:
        self._capsys.readouterr()
        self.code = main(["respond", *words, "--json", *self.files])
        found: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return found
