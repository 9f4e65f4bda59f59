"""Step detect: credentials, digests of files, and missing or changed material."""

from __future__ import annotations

from pathlib import Path

from detector.incident.context import Context
from detector.incident.steps.detect import detect
from tests.detector.incident.running import TOKEN, get_step


def test_every_credential_is_recorded_with_the_digest_of_its_file(context: Context, leaked: Path) -> None:
    detect(context)
    (credential,) = context.incident.credentials
    assert credential.redacted.startswith("ATBB…") and TOKEN not in repr(context.incident)
    (material,) = [line for line in context.incident.lines if line.kind == "material"]
    assert material.subject == str(leaked) and material.facts["bytes"] == leaked.stat().st_size
    assert get_step(context, "detect") == ("done", "")


def test_repeating_it_adds_no_line(context: Context) -> None:
    detect(context)
    before = context.incident.lines
    detect(context)
    assert context.incident.lines == before


def test_missing_material_makes_it_incomplete(context: Context, leaked: Path) -> None:
    leaked.unlink()
    detect(context)
    state, why = get_step(context, "detect")
    assert state == "incomplete" and "does not exist any more" in why


def test_changed_material_is_reported_and_keeps_the_first_digest(context: Context, leaked: Path) -> None:
    detect(context)
    digest = [line.facts for line in context.incident.lines if line.kind == "material"]
    leaked.write_text(leaked.read_text() + "# changed\n")
    detect(context)
    assert get_step(context, "detect") == ("done", f"changed since the incident was opened: {leaked}")
    assert [line.facts for line in context.incident.lines if line.kind == "material"] == digest
