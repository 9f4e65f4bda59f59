import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.agents import transcripts
from detector.agents.transcripts import fill, scrub_file
from tests.detector.agents.making import DOTENV, GITHUB, PASSWORD, PEM, SERVICE_KEY, VALUES, redactor

ROWS = [
    {"type": "user", "message": {"content": DOTENV}},
    {"type": "tool", "output": json.dumps({"pem": PEM, "text": f"é {DOTENV}"})},
    {"type": "user", "message": {"content": "nothing"}},
    {"password": PASSWORD},
]


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    path = tmp_path / "s.jsonl"
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in ROWS))
    return path


def test_values_are_overwritten_in_place_and_every_line_stays_json(transcript: Path, tmp_path: Path) -> None:
    before = transcript.read_bytes()
    inode = transcript.stat().st_ino
    result = scrub_file(str(transcript), redactor(), backup=str(tmp_path / "kept/s.jsonl"))
    after = transcript.read_bytes()
    assert len(after) == len(before) and transcript.stat().st_ino == inode
    assert not any(value.encode() in after for value in VALUES)
    assert [json.loads(line).keys() for line in after.splitlines()] == [row.keys() for row in ROWS]
    assert after.splitlines()[2] == before.splitlines()[2]
    assert result.places and result.found and not result.problem
    assert (tmp_path / "kept/s.jsonl").read_bytes() == before
    assert (tmp_path / "kept/s.jsonl").stat().st_mode & 0o077 == 0
    assert scrub_file(str(transcript), redactor()).places == 0


def test_a_dry_run_changes_nothing(transcript: Path) -> None:
    before = transcript.read_bytes()
    assert scrub_file(str(transcript), redactor(), is_dry=True).places
    assert transcript.read_bytes() == before


def test_a_known_value_is_overwritten_where_nothing_tells_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps({"prompt": f"use {SERVICE_KEY} é"}) + "\n")
    (found,) = redactor().redact_text(f"api_key = '{SERVICE_KEY}'").found
    scrub_file(str(path), redactor(), known=[found.secret])
    assert SERVICE_KEY not in path.read_text()
    assert json.loads(path.read_text())["prompt"].startswith("use ")


def test_links_databases_and_missing_files_are_named(tmp_path: Path, transcript: Path) -> None:
    os.symlink(transcript, tmp_path / "link")
    (tmp_path / "state.db").write_bytes(b"SQLite format 3\0" + GITHUB.encode())
    for name in ("link", "none", "state.db"):
        assert scrub_file(str(tmp_path / name), redactor()).problem
    assert GITHUB.encode() in (tmp_path / "state.db").read_bytes()


@settings(max_examples=200)
@given(st.text(max_size=30), st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_whatever_is_overwritten_a_line_of_json_stays_one(text: str, one: int, other: int, is_ascii: bool) -> None:
    line = json.dumps({"a": json.dumps(text)}, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    start, end = sorted((min(one + 7, len(line) - 2), min(other + 7, len(line) - 2)))
    filled = fill(line, [(start, end)])
    assert len(filled) == len(line)
    assert json.loads(filled.decode("utf-8", "replace")).keys() == {"a"}


def test_a_transcript_is_scrubbed_after_the_hook_has_answered(tmp_path: Path) -> None:
    path = tmp_path / "later.jsonl"
    transcripts.scrub_later(str(path), redactor(), [])
    path.write_text(json.dumps({"prompt": f"token = '{GITHUB}'"}) + "\n")
    for _ in range(100):
        if GITHUB not in path.read_text():
            return
        time.sleep(0.2)
    raise AssertionError("the value is still there")
