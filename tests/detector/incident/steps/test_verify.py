"""Step verify: what has no probe, and what cannot be read any more."""

from __future__ import annotations

from pathlib import Path

from detector.incident.context import Context
from detector.incident.steps.detect import detect
from detector.incident.steps.verify import NO_PROBE, verify
from tests.detector.incident.running import get_step


def test_a_credential_without_a_probe_stays_unknown_and_is_asked_about_once(context: Context) -> None:
    detect(context)
    verify(context)
    (credential,) = context.incident.credentials
    assert (credential.verdict, credential.why) == ("unknown", NO_PROBE)
    before = context.incident.lines
    verify(context)
    assert context.incident.lines == before


def test_a_value_that_cannot_be_read_makes_it_incomplete(context: Context, leaked: Path) -> None:
    detect(context)
    context.findings = {}
    leaked.write_text("nothing\n")
    verify(context)
    assert get_step(context, "verify") == ("incomplete", "1 values cannot be read any more")
