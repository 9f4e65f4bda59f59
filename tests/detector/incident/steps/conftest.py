from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.incident.context import Context
from tests.detector.incident.running import TOKEN, opened


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))


@pytest.fixture
def leaked(tmp_path: Path) -> Path:
    file = tmp_path / "leaked.env"
    file.write_text(f"BITBUCKET={TOKEN}\n")
    return file


@pytest.fixture
def context(tmp_path: Path, leaked: Path) -> Iterator[Context]:
    with opened(tmp_path, [leaked]) as made:
        yield made
