"""Events go to standard error as it is by then, and show no credential."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from detector.log import log_step, set_level
from detector.secret import Secret


@pytest.fixture(autouse=True)
def _verbose() -> Iterator[None]:
    set_level(1)
    yield
    set_level(0)


def test_events_follow_standard_error_and_are_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with io.StringIO() as out:
            monkeypatch.setattr(sys, "stderr", out)
            log_step("looked", value=Secret(b"canary-in-a-log"), raw=b"canary", where="a.txt")
            said = out.getvalue()
        assert "looked" in said and "a.txt" in said
        assert "canary" not in said
