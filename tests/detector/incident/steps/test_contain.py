"""Step contain without a provider: nothing live, and a live credential whose value is gone."""

from __future__ import annotations

from pathlib import Path

from detector.incident.context import Context
from detector.incident.model import HoldKind, LineKind
from detector.incident.steps.contain import contain
from detector.incident.steps.detect import detect
from tests.detector.incident.running import get_step


def test_without_a_live_credential_it_is_done(context: Context) -> None:
    detect(context)
    contain(context)
    assert get_step(context, "contain") == ("done", "")


def test_a_live_credential_without_its_value_is_held(context: Context, leaked: Path) -> None:
    detect(context)
    (credential,) = context.incident.credentials
    context.ledger.add(LineKind.VERDICT, credential.fingerprint, state="live", why="", owner="")
    context.findings = {}
    leaked.write_text("nothing\n")
    contain(context)
    (credential,) = context.incident.credentials
    assert credential.hold["kind"] == HoldKind.GONE and "by name" in credential.hold["why"]
    assert get_step(context, "contain") == ("waiting", "1 waiting for a person")
