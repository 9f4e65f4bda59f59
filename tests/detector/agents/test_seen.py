import json
import os
from pathlib import Path

from detector.agents import seen
from detector.agents.event import Event, EventKind
from tests.detector.agents.making import DOTENV, VALUES, redactor


def test_a_line_holds_no_value(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path))
    found = redactor().redact_text(DOTENV).found
    event = Event(EventKind.AFTER_TOOL, name="PostToolUse", session="s", tool="Bash", command=DOTENV)
    seen.record(event, "codex", found, "replaced in the output", reached=False)
    rows = list(seen.read())
    assert [row["fingerprint"] for row in rows] == [one.fingerprint for one in found]
    path = tmp_path / "agents" / seen.NAME
    assert not any(value in path.read_text() for value in VALUES)
    assert path.stat().st_mode & 0o077 == 0


def test_damage_and_links_are_harmless(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path))
    (tmp_path / "agents").mkdir()
    target = tmp_path / "target"
    target.write_text("")
    os.symlink(target, tmp_path / "agents" / seen.NAME)
    seen.record_problem("codex", "x")
    assert target.read_text() == ""
    os.unlink(tmp_path / "agents" / seen.NAME)
    (tmp_path / "agents" / seen.NAME).write_text("{broken\n[]\n" + json.dumps({"a": 1}) + "\n")
    assert list(seen.read()) == [{"a": 1}]
