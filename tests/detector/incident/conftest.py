from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.probes.core.contract import ProbeSettings
from rotators.core import executor
from tests.detector.fleet.conftest import _postgresql, place  # noqa: F401
from tests.detector.incident.world import aws_users
from tests.rotators.world import Aws, moto


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture
def accounts(moto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Aws]:
    """Two AWS users with a key each, and the responder's credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(executor, "PAUSE", 0.05)
    defaults = ProbeSettings._field_defaults | {"partner_pause": 0.0}  # moto has no limit that asks for a pause
    monkeypatch.setattr(ProbeSettings.__new__, "__defaults__", tuple(defaults.values()))
    made = aws_users(moto_url, 2)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made[0].root[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made[0].root[1])
    return made
