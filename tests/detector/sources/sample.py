"""What each source is tested with: a target that it claims, with one credential in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from detector.config import Config
from detector.rules.shapes import expand

RULE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acmekey_[0-9a-z]{6}"]
pattern = '(acmekey_[0-9a-z]{24})'
"""

TOKEN = expand("acmekey_{base36:24}", 1)


class Sample(NamedTuple):
    """A target that holds `TOKEN` once. A file `stdin` in the folder of the test is its standard input."""

    target: str
    config: Config = Config()


def make_repository(folder: Path) -> Path:
    """Make a repository whose only commit holds `TOKEN`."""
    folder.mkdir()
    (folder / "settings.py").write_text(f"key = '{TOKEN}'\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "Begin")):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return folder
