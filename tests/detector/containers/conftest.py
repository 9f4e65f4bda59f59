from __future__ import annotations

import os
import subprocess

import pytest

from tests.detector.containers.reading import RULES, plant_all


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("rules") / "acme.toml"
    path.write_text(RULES)
    return str(path)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Create a repository with every place in its history and its working tree."""
    folder = tmp_path_factory.mktemp("planted")
    for place, _ in plant_all():
        (folder / place.path).write_bytes(place.content)
    git = [
        "git",
        "-C",
        str(folder),
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.test",
        "-c",
        "core.autocrlf=false",
    ]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull})
    return str(folder)
