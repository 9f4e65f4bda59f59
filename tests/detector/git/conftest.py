from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.detector.git.building import Built


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Built]:
    def make(name: str = "repo", *init: str) -> Built:
        return Built(tmp_path / name, *init)

    return make
