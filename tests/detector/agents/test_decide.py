"""Every event has one answer, and none of them holds a value."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from detector.agents import decide as deciding
from detector.agents.decide import Guard, decide
from detector.agents.event import Action, Event, EventKind, ToolKind, Verdict
from tests.detector.agents.making import DOTENV, GITHUB, PASSWORD, SERVICE_KEY, VALUES, redactor

SHELL = Event(EventKind.BEFORE_TOOL, tool="Bash", tool_kind=ToolKind.SHELL, can_replace=True, can_rewrite=True)
WRITE = Event(EventKind.BEFORE_TOOL, tool="Write", tool_kind=ToolKind.WRITE, can_replace=True)
READ = Event(EventKind.BEFORE_TOOL, tool="Read", tool_kind=ToolKind.READ)
PROMPT = Event(EventKind.PROMPT)
TOKEN = f"token = '{GITHUB}'\n"


def ask(event: Event, recorded: list[Any] | None = None) -> Verdict:
    def record(found: Any, done: str, reached: bool) -> None:
        if recorded is not None:
            recorded.append(([one.rule.id for one in found], done, reached))

    verdict = decide(event, Guard(redactor(), lambda command: f"wrapped {command}", record))
    said = f"{verdict.reason}{verdict.warning}"
    assert not any(value in said for value in VALUES)
    return verdict


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.ini").write_text(f'# one\nservice_api_key = "{SERVICE_KEY}"\n# three\n')
    (tmp_path / "clean.txt").write_text("nothing\n")
    return tmp_path


def test_a_prompt_is_given_back_without_its_credentials() -> None:
    verdict = ask(PROMPT._replace(prompt=f"deploy with {TOKEN} please"))
    assert verdict.action is Action.REFUSE
    assert "please" in verdict.reason and "github" in verdict.reason
    assert ask(PROMPT._replace(prompt="deploy please")) == Verdict()


@pytest.mark.parametrize("prompt", [f"please use {SERVICE_KEY} for service_api_key", f"my password is {PASSWORD}"])
def test_a_credential_that_prose_names_is_found(prompt: str) -> None:
    assert ask(PROMPT._replace(prompt=prompt)).action is Action.REFUSE


@pytest.mark.parametrize(
    "prompt",
    [
        "why does the key handling in commit 3f2a9c1d0e fail in src/foo2.py?",
        "Set the api key timeout to 2026-11-30T10:00:00 and the token-count to gpt-4o-mini-2024-07-18",
        "use AbstractTokenFactory2Impl for the secret",
        "rename secret_key to SECRET_KEY_V2_BASE in settings2.yaml",
        "is 0b5e3ecd-eb4c-4b7a-8fd6-3075ae046672 the id of the token?",
        "the key is that python3.11-slim-bookworm and node20-alpine differ",
    ],
)
def test_names_and_versions_near_such_words_are_none(prompt: str) -> None:
    assert ask(PROMPT._replace(prompt=prompt)) == Verdict()


def test_a_prompt_that_can_be_changed_is_changed() -> None:
    verdict = ask(PROMPT._replace(prompt=TOKEN, can_change_prompt=True))
    assert verdict.action is Action.REPLACE and GITHUB not in verdict.value


def test_files_that_a_prompt_names_are_read(folder: Path) -> None:
    verdict = ask(PROMPT._replace(prompt="look at @settings.ini", cwd=str(folder)))
    assert verdict.action is Action.REFUSE and "settings.ini, line 2" in verdict.reason
    assert ask(PROMPT._replace(prompt="look at @clean.txt", cwd=str(folder))) == Verdict()
    assert ask(PROMPT._replace(prompt="x", files=("settings.ini",), cwd=str(folder))).action is Action.REFUSE


def test_a_new_credential_is_not_written_unless_git_ignores_the_file(folder: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / ".gitignore").write_text(".env\n")
    event = WRITE._replace(cwd=str(folder), path="app.py", written=(TOKEN,))
    assert "environment variable" in ask(event).reason
    assert ask(event._replace(path=".env")).action is Action.PASS
    (folder / "app.py").write_text(TOKEN)
    assert ask(event).action is Action.PASS, "the file holds it already"
    assert ask(event._replace(path="new.py", replaced=(TOKEN,))).action is Action.PASS


def test_a_placeholder_is_never_written_over_a_value(folder: Path) -> None:
    shown = redactor().redact_text((folder / "settings.ini").read_text()).value
    event = WRITE._replace(cwd=str(folder), path="settings.ini", written=(shown,))
    assert deciding.OVERWRITES in ask(event).reason
    for command in (f"cat > settings.ini <<'E'\n{shown}E", f"sed -i 's|x|{shown.splitlines()[1]}|' settings.ini"):
        assert deciding.OVERWRITES in ask(SHELL._replace(command=command, arguments={"command": command})).reason
    (folder / "doc.md").write_text(shown)
    assert ask(event._replace(path="doc.md")).action is Action.PASS, "the text is in the file already"


def test_a_command_with_a_literal_credential_is_refused_and_others_are_wrapped() -> None:
    command = f"curl -H 'Authorization: Bearer {GITHUB}' https://api.example"
    assert "$NAME" in ask(SHELL._replace(command=command, arguments={"command": command})).reason
    clean = SHELL._replace(command='curl -H "Authorization: Bearer $TOKEN" https://api.example', arguments={})
    assert ask(clean).action is Action.REWRITE
    assert ask(clean._replace(is_background=True)) == Verdict()
    assert ask(clean._replace(can_rewrite=False)) == Verdict()


def test_where_nothing_can_be_replaced_the_files_of_a_command_are_read(folder: Path) -> None:
    event = SHELL._replace(can_replace=False, can_rewrite=False, cwd=str(folder))
    assert ask(event._replace(command="cat settings.ini", arguments={})).action is Action.REFUSE
    assert ask(event._replace(command="cat clean.txt", arguments={})).action is Action.PASS


def test_a_file_is_not_read_where_its_text_cannot_be_replaced(folder: Path) -> None:
    verdict = ask(READ._replace(path="settings.ini", cwd=str(folder)))
    assert verdict.action is Action.REFUSE and "Lines without them: 1, 3." in verdict.reason
    for path in ("clean.txt", "none"):
        assert ask(READ._replace(path=path, cwd=str(folder))).action is Action.PASS
    assert ask(READ._replace(path="settings.ini", cwd=str(folder), can_replace=True)) == Verdict()


def test_arguments_of_other_tools_are_looked_at() -> None:
    event = Event(EventKind.BEFORE_TOOL, tool="mcp__x__y", arguments={"headers": {"Authorization": f"token {GITHUB}"}})
    assert ask(event).action is Action.REFUSE


def test_output_is_replaced_or_else_reported_and_recorded() -> None:
    recorded: list[Any] = []
    event = Event(EventKind.AFTER_TOOL, tool="Bash", result={"stdout": DOTENV, "code": 0}, can_replace=True)
    verdict = ask(event, recorded)
    assert verdict.action is Action.REPLACE and verdict.value["code"] == 0
    assert not any(value in str(verdict.value) for value in VALUES)
    assert "agents seen" in ask(event._replace(can_replace=False), recorded).warning
    assert "agents seen" in ask(event._replace(kind=EventKind.FAILED_TOOL, result=DOTENV), recorded).warning
    assert [row[2] for row in recorded] == [False, True, True]
    assert ask(event._replace(result={"stdout": "x"})) == Verdict()


@pytest.mark.parametrize(
    "command",
    ["leakfirst agents uninstall", "/opt/bin/leakfirst agents pass lf1:00", "python -m leakfirst agents install --print",
     "sed -i /leakfirst/d ~/.claude/settings.json", "echo {} > ~/.local/state/leakfirst/agents/passes.json"],
)  # fmt: skip
def test_the_model_does_not_switch_the_guard_off(command: str) -> None:
    assert deciding.SWITCHES_OFF in ask(SHELL._replace(command=command, arguments={})).reason


def test_the_model_does_not_take_the_hook_out_of_the_settings(folder: Path) -> None:
    (folder / ".claude").mkdir()
    settings = folder / ".claude/settings.json"
    settings.write_text('{"hooks": {"PreToolUse": [{"command": "leakfirst agents hook claude-code"}]}}')
    event = WRITE._replace(path=str(settings), cwd=str(folder))
    assert deciding.SWITCHES_OFF in ask(event._replace(written=("{}",))).reason
    assert deciding.SWITCHES_OFF in ask(event._replace(written=("x",), replaced=("leakfirst agents",))).reason
    assert ask(event._replace(written=(settings.read_text() + " ",))).action is Action.PASS
    assert ask(event._replace(written=('"a": 2',), replaced=('"a": 1',))).action is Action.PASS


def test_other_events_pass_and_the_context_is_one_line() -> None:
    assert "\n" not in deciding.CONTEXT
    assert ask(Event(EventKind.OTHER)) == Verdict()


def test_a_path_in_an_answer_is_printable_and_holds_no_value(folder: Path) -> None:
    event = WRITE._replace(cwd=str(folder), path=f"{GITHUB}\x1b[2J.py", written=(TOKEN,))
    assert "\x1b" not in ask(event).reason
