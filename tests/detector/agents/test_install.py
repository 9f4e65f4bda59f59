"""What is merged into a file of somebody else's can be taken out again, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from detector.agents import entries, install, json_edit
from detector.agents.install import Place
from detector.errors import UsageError
from detector.registry import list_names

AGENTS = list_names("detector.agents.dialects")

SETTINGS = [
    "{}",
    "{\n}\n",
    '{"permissions": {"allow": ["Bash(ls:*)"]}}\n',
    '\ufeff{\r\n  // mine\r\n  "hooks": {\r\n    "PreToolUse": [ {"command": "foreign"}, ], /* y */\r\n  },\r\n}\r\n',
    '{"hooks": {"PreToolUse": [], "PostToolUse": [{"matcher": "Edit", "hooks": [{"type": "command", "command": "fmt"}]}]}}',
    '{"env": {"A": "1"}, "hooks": {}, "version": 1}',
    '{"env": {"CLAUDE_CODE_SHELL_PREFIX": "mine"}, "model": "a", "model": "b"}',
    '{ "é": "\\ud83d" // no line break at the end\n}',
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "state of mine"))
    return tmp_path


def find(agent: str, project: str = "", **options: bool) -> Place:
    (place,) = install.find_places([agent], project, **options)
    return place


@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_is_installed_once_and_removed(agent: str, home: Path) -> None:
    place = find(agent)
    assert not install.is_present(place)
    assert install.install(place).state == "installed"
    assert install.is_present(place)
    assert install.install(place).state == "installed before"
    assert all(os.path.isfile(path) for path in place.files)
    assert install.uninstall(place).state == "removed"
    assert not any(os.path.lexists(path) for path in place.files)
    assert install.uninstall(place).state == "not installed"


@pytest.mark.parametrize("text", SETTINGS)
@pytest.mark.parametrize("agent", ["claude-code", "codex", "gemini", "cursor"])
def test_settings_keep_every_byte(agent: str, text: str, home: Path) -> None:
    place = find(agent)
    path = Path(place.path)
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode())
    path.chmod(0o640)
    before = json_edit.parse(text)
    assert install.install(place).state == "installed"
    merged = path.read_bytes().decode()
    after = json_edit.parse(merged)
    assert before.members.keys() <= after.members.keys()
    assert entries.list_commands(after.members["hooks"]).count(place.command) == len(place.dialect.EVENTS)
    assert path.stat().st_mode & 0o777 == 0o640
    assert install.install(place).state == "installed before"
    assert install.uninstall(place).state == "removed"
    assert path.read_bytes() == text.encode()


def test_what_others_change_in_between_stays(home: Path) -> None:
    place = find("claude-code")
    path = Path(place.path)
    path.parent.mkdir()
    path.write_text('{"a": 1}')
    install.install(place)
    path.write_text(path.read_text().replace('"a": 1', '"a": 2'))
    assert install.uninstall(place).state == "removed"
    assert path.read_text() == '{"a": 2}'
    install.install(place)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4))
    kept = path.read_text()
    assert install.uninstall(place).state == "NOT removed"
    assert path.read_text() == kept


def test_a_file_of_our_own_is_not_written_over_one_of_somebody_else(home: Path) -> None:
    place = find("copilot")
    Path(place.path).parent.mkdir(parents=True)
    Path(place.path).write_text("{}")
    with pytest.raises(UsageError, match="not ours"):
        install.install(place)
    assert Path(place.path).read_text() == "{}"


@pytest.mark.parametrize("kind", ["link", "folder", "read-only", "broken", "empty", "utf-16", "fifo"])
def test_hostile_settings_are_left_alone_with_one_clear_line(kind: str, home: Path) -> None:
    place = find("claude-code")
    path = Path(place.path)
    path.parent.mkdir()
    target = home / "target.json"
    target.write_text("{}")
    {
        "link": lambda: os.symlink(target, path),
        "folder": path.mkdir,
        "read-only": lambda: (path.write_text("{}"), path.chmod(0o444)),
        "broken": lambda: path.write_text('{"a": '),
        "empty": lambda: path.write_text(""),
        "utf-16": lambda: path.write_bytes("{}".encode("utf-16")),
        "fifo": lambda: os.mkfifo(path),
    }[kind]()
    with pytest.raises(UsageError) as raised:
        install.install(place)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)
    assert target.read_text() == "{}"


def test_a_block_in_toml_is_appended_and_cut_out(home: Path) -> None:
    place = find("vibe")
    path = Path(place.path)
    path.parent.mkdir()
    path.write_text("a = 1 # no line break")
    install.install(place)
    assert install.install(place).state == "installed before"
    assert install.uninstall(place).state == "removed"
    assert path.read_text() == "a = 1 # no line break"


def test_a_project_gets_a_command_without_a_path_of_this_machine(home: Path) -> None:
    place = find("claude-code", str(home), strict=True)
    install.install(place)
    assert "leakfirst agents hook claude-code --strict" in Path(place.path).read_text()
    assert str(home) not in Path(place.path).read_text()


def test_the_scripts_run_from_anywhere_and_say_so_when_leakfirst_is_gone(home: Path, tmp_path: Path) -> None:
    install.write_scripts()
    script = home / "state of mine/agents/hook"
    event = b'{"hook_event_name": "SessionStart"}'
    done = subprocess.run([script, "claude-code"], input=event, capture_output=True, cwd="/", check=True)
    assert b"additionalContext" in done.stdout
    script.write_text(script.read_text().replace("python", "nothing"))
    gone = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([script, "claude-code"], input=event, capture_output=True, cwd="/", check=False, env=gone)
    assert done.returncode == 0 and "NOT looked at" in json.loads(done.stdout)["systemMessage"]
    done = subprocess.run([script, "x", "--strict"], input=event, capture_output=True, cwd="/", check=False, env=gone)
    assert (done.returncode, done.stdout) == (2, b"")


def test_the_prefix_filters_commands_and_nothing_else(home: Path) -> None:
    from tests.detector.agents.making import DOTENV, PASSWORD

    install.write_scripts()
    script = home / "state of mine/agents/shell"
    (home / ".env").write_text(DOTENV)
    shell = {**os.environ, "SHELL": "/bin/bash"}
    command = f"eval 'cat .env; exit 3' < /dev/null && pwd -P >| {home}/cwd"
    done = subprocess.run([script, command], capture_output=True, text=True, cwd=home, check=False, env=shell)
    assert done.returncode == 3 and "DB_PASSWORD=<leakfirst" in done.stdout and PASSWORD not in done.stdout
    other = subprocess.run(
        [script, "cat .env; exit 4"], capture_output=True, text=True, cwd=home, check=False, env=shell
    )
    assert (other.returncode, other.stdout) == (4, DOTENV), "a server's messages are not ours to change"
