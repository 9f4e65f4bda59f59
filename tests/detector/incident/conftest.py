from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.detector.fleet.conftest import _postgresql, place  # noqa: F401
from tests.rotators.world import moto


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto() as url:
        yield url
