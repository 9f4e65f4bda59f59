from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.rotators import world


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with world.moto() as url:
        yield url


@pytest.fixture(autouse=True)
def _operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's identity, as an operator would set it: in the environment, not in the policy."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def aws(moto_url: str) -> world.Aws:
    world.moto_api(moto_url, "reset-auth", b"inf")
    return world.Aws(moto_url)


@pytest.fixture(scope="session")
def ministack_url() -> Iterator[str]:
    try:
        world.ministack_program()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("ministack can be neither found (LEAKFIRST_MINISTACK) nor installed")
    with world.ministack() as url:
        yield url
