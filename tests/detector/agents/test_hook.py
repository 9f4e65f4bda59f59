"""Whatever an agent sends, the hook answers once, blocks nobody by mistake, and prints no value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.agents import hook
from detector.agents.event import Answer, Dialect
from detector.registry import check_contract, list_names
from tests import program
from tests.detector.agents.making import DOTENV, GITHUB, VALUES, redactor

AGENTS = list_names("detector.agents.dialects")


def run(data: bytes, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "leakfirst", "agents", "hook", *words], input=data, capture_output=True,
        env=program.environment(**more), check=False,
    )  # fmt: skip


@pytest.mark.parametrize("agent", AGENTS)
def test_every_dialect_fulfils_its_contract(agent: str) -> None:
    check_contract(hook.load_dialect(agent), Dialect, "agent")  # type: ignore[arg-type]


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([DOTENV, GITHUB, "Bash"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["hook_event_name", "tool_name", "tool_input", "tool_response", "prompt", "cwd", "toolName", "toolArgs", "toolResult", "command", "content", "event", "args", "output", "tool_info", "agent_action_name", "preToolUse", "parameters", "attachments", "workspace_roots", "error"]
        ),
        inner | st.sampled_from(["PreToolUse", "PostToolUse", "UserPromptSubmit", "BeforeTool", "AfterTool", "pre_tool",
                                 "tool.execute.after", "pre_run_command", "beforeSubmitPrompt"]),
        max_size=6,
    ),
    max_leaves=14,
)  # fmt: skip


@settings(max_examples=60)
@given(HOSTILE, st.sampled_from(AGENTS))
def test_any_json_is_answered_without_a_value(payload: object, agent: str) -> None:
    kept = hook.load_redactor, hook._scrub_soon
    hook.load_redactor, hook._scrub_soon = lambda cwd: redactor(), lambda *_: None  # type: ignore[assignment]
    try:
        answer = hook.answer_event(json.dumps(payload).encode(), hook.Options(agent))
    except ValueError:
        assert not isinstance(payload, dict)
        return
    finally:
        hook.load_redactor, hook._scrub_soon = kept
    assert isinstance(answer, Answer)
    said = json.dumps(answer.output) + answer.error
    assert not any(value in said for value in VALUES)
    assert "allow" not in (answer.output or {}).values()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"[" * 100_000, DOTENV.encode(), b'{"tool_response": ' + b"[" * 300 + b"]" * 300
     + b', "hook_event_name": "PostToolUse"}'],
)  # fmt: skip
def test_what_cannot_be_read_is_let_through_with_a_warning_or_refused(data: bytes) -> None:
    done = run(data, "claude-code")
    assert done.returncode == 0
    assert "NOT looked at" in json.loads(done.stdout)["systemMessage"]
    strict = run(data, "claude-code", "--strict")
    assert (strict.returncode, strict.stdout) == (2, b"") and b"NOT looked at" in strict.stderr
    for text in (done.stdout, done.stderr, strict.stderr):
        assert not any(value.encode() in text for value in VALUES)
        assert b"Traceback" not in text


def test_an_unknown_agent_blocks_nobody() -> None:
    done = run(b"{}", "no-such-agent")
    assert done.returncode == 0 and b"unknown agent" in done.stderr


def test_the_answer_is_one_object_and_options_of_a_later_version_are_ignored() -> None:
    event = {"hook_event_name": "UserPromptSubmit", "prompt": DOTENV, "cwd": "/"}
    done = run(json.dumps(event).encode(), "claude-code", "--some-option-of-tomorrow")
    assert json.loads(done.stdout)["decision"] == "block"
    assert done.stdout.count(b"\n") == 1


def test_a_bug_lets_the_event_pass_and_is_counted_without_its_text(monkeypatch, capfd, tmp_path: Path) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path))

    def fail(cwd: str) -> None:
        raise RuntimeError(GITHUB)

    monkeypatch.setattr(hook, "load_redactor", fail)
    event = {"hook_event_name": "UserPromptSubmit", "prompt": "x"}
    monkeypatch.setattr(hook, "_read_input", lambda: json.dumps(event).encode())
    assert hook.run(["claude-code"]) == 0
    out, error = capfd.readouterr()
    assert "RuntimeError" in json.loads(out)["systemMessage"]
    kept = (tmp_path / "agents/seen.jsonl").read_text()
    assert GITHUB not in out + error + kept and "RuntimeError" in kept


def test_an_event_that_takes_too_long_is_let_through(monkeypatch, capfd) -> None:
    monkeypatch.setattr(hook, "SECONDS", 0.2)
    monkeypatch.setattr(hook, "_read_input", lambda: time.sleep(30) or b"{}")
    assert hook.run(["claude-code"]) == 0
    assert "TooLong" in capfd.readouterr().out


def test_input_without_end_is_not_kept(monkeypatch, capfd) -> None:
    monkeypatch.setattr(hook, "MAX_INPUT", 10)
    read, write = os.pipe()
    os.write(write, b"x" * 50)
    os.close(write)
    kept = os.dup(0)
    os.dup2(read, 0)
    assert hook.run(["claude-code"]) == 0
    os.dup2(kept, 0)
    assert "TooLong" in capfd.readouterr().out


def test_the_callers_of_foreign_hooks_are_known() -> None:
    assert hook.find_caller({"cursor_version": "1"}, "claude-code") == "cursor"
    assert hook.find_caller({"timestamp": "x", "tool_name": "x"}, "claude-code") == "vscode"
    assert hook.find_caller({"permission_mode": "default"}, "claude-code") == "claude-code"
    assert hook.find_caller({"turn_id": "1"}, "gemini") == "gemini"


def test_everything_is_written_in_order(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    hook.write_all(b"")
    hook.write_all(b"abc" * 10_000)
    assert capfdbinary.readouterr().out == b"abc" * 10_000
