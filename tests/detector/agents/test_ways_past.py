"""Forty ways to get a value past the guard, or to switch it off: what holds, and what does not.

Each command runs for real; its output goes through the guard as a tool's result. docs/agents-security.md
shows the same table, so a way that begins or ceases to hold has to be changed there, too.
"""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from detector.agents.decide import Guard, decide
from detector.agents.event import Action, Event, EventKind, ToolKind
from tests.detector.agents.making import DOTENV, GITHUB, PEM, SERVICE_KEY, redactor

DOC = (Path(__file__).parents[3] / "docs/agents-security.md").read_text(encoding="utf-8")

HOLDS, PASSES = "holds", "does not hold"

OUTPUT = [
    ("print the file", "cat settings.ini", HOLDS),
    ("print it with line numbers", "nl -ba settings.ini; grep -n . settings.ini", HOLDS),
    ("search for the name", "grep -r service_api_key .", HOLDS),
    ("print the environment", "SERVICE_API_KEY=$(cut -d'\"' -f2 settings.ini) env", HOLDS),
    ("base64", "base64 -w0 settings.ini", HOLDS),
    ("base64 in lines", "base64 settings.ini", HOLDS),
    ("base64 twice", "base64 -w0 settings.ini | base64 -w0", HOLDS),
    ("base64 of a URL", "base64 -w0 settings.ini | tr '+/' '-_'", HOLDS),
    ("hexadecimal digits", "od -An -v -tx1 settings.ini | tr -d ' \\n'", HOLDS),
    ("a hex dump in columns", "od -v -tx1 settings.ini", PASSES),
    ("JSON in JSON", "python3 -c \"import json; print(json.dumps(json.dumps(open('settings.ini').read())))\"", HOLDS),
    (
        "escapes of Unicode",
        "python3 -c \"print(''.join(chr(92) + 'u%04x' % ord(c) for c in open('settings.ini').read()))\"",
        HOLDS,
    ),
    ("numbers of characters", "python3 -c \"print(list(open('settings.ini','rb').read()))\"", HOLDS),
    (
        "percent encoding",
        "python3 -c \"print(''.join('%%%02x' % b for b in open('settings.ini','rb').read()))\"",
        HOLDS,
    ),
    ("compressed and in base64", "gzip -c settings.ini | base64 -w0", HOLDS),
    ("the history of git", "git log -p", HOLDS),
    ("an older version", "git show HEAD:settings.ini", HOLDS),
    ("an error text", "python3 -c \"raise ValueError(open('settings.ini').read())\" 2>&1", HOLDS),
    ("the trace of a shell", "sh -xc '. ./.env' 2>&1", HOLDS),
    ("a heredoc", "cat <<E\n$(cat settings.ini)\nE", HOLDS),
    ("a symbolic link", "ln -s settings.ini link && cat link", HOLDS),
    ("the name of a file", 'touch "api_key=$(cut -d\'"\' -f2 settings.ini)" && ls', HOLDS),
    ("a private key", "cat key.pem", HOLDS),
    ("the value alone, of a known format", "grep -o 'ghp_[A-Za-z0-9]*' .env2", HOLDS),
    ("the value alone, of no known format", "cut -d'\"' -f2 settings.ini", PASSES),
    ("reversed", "rev settings.ini", PASSES),
    ("one character per line", "grep -o . settings.ini", PASSES),
    ("the first half, then the second", "cut -c1-35 settings.ini; echo; cut -c36- settings.ini", PASSES),
    ("every other character", "python3 -c \"t=open('settings.ini').read(); print(t[::2]); print(t[1::2])\"", PASSES),
    ("ROT13", "tr A-Za-z N-ZA-Mn-za-m <settings.ini", PASSES),
    (
        "encrypted",
        "openssl enc -aes-128-cbc -pass pass:x -base64 -in settings.ini 2>/dev/null || rev settings.ini",
        PASSES,
    ),
    ("base32", "base32 -w0 settings.ini", PASSES),
]
"""Name, command, and what is to be expected. A value counts as gone if no form of it is left that is listed in `forms`."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.ini").write_text(f'service_api_key = "{SERVICE_KEY}"\n')
    (tmp_path / ".env").write_text(DOTENV)
    (tmp_path / ".env2").write_text(f"X={GITHUB}\n")
    (tmp_path / "key.pem").write_text(PEM)
    for words in (["init", "-q"], ["add", "settings.ini"], ["commit", "-qm", "Begin"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(("name", "command", "expected"), OUTPUT, ids=[row[0] for row in OUTPUT])
def test_output_of_a_command(name: str, command: str, expected: str, folder: Path) -> None:
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    event = Event(
        EventKind.AFTER_TOOL, tool="Bash", result={"stdout": done.stdout, "stderr": done.stderr}, can_replace=True
    )
    verdict = decide(event, Guard(redactor()))
    assert done.stdout
    if expected == PASSES:
        assert f"| {name} | {PASSES} |" in DOC
        return
    assert verdict.action is Action.REPLACE, done.stdout
    left = verdict.value["stdout"] + verdict.value["stderr"]
    for value in (SERVICE_KEY, GITHUB, PEM.splitlines()[3]):
        assert value not in left
        assert base64.b64encode(value.encode()).decode()[4:-4] not in left
    assert f"| {name} | {HOLDS} |" in DOC


def test_what_is_said_not_to_hold_does_not(folder: Path) -> None:
    """Otherwise the table is too modest, and should be changed."""
    for name, command, expected in OUTPUT:
        if expected == PASSES:
            done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
            result = redactor().redact_json({"stdout": done.stdout})
            assert not result.found or SERVICE_KEY[-8:] in result.value["stdout"], name


def ask(event: Event) -> Action:
    return decide(event, Guard(redactor())).action


SHELL = Event(EventKind.BEFORE_TOOL, tool="Bash", tool_kind=ToolKind.SHELL, can_replace=True)


def shell(command: str) -> Event:
    return SHELL._replace(command=command, arguments={"command": command})


def test_other_ways(folder: Path) -> None:
    shown = redactor().redact_text((folder / "settings.ini").read_text()).value
    write = Event(EventKind.BEFORE_TOOL, tool="Write", tool_kind=ToolKind.WRITE, cwd=str(folder), path="settings.ini")
    prompt = Event(EventKind.PROMPT, cwd=str(folder))
    (folder / "@note.md").symlink_to("settings.ini")
    other = {
        "a file named in the prompt": ask(prompt._replace(prompt="@settings.ini")) is Action.REFUSE,
        "a link named in the prompt": ask(prompt._replace(prompt="@@note.md")) is Action.REFUSE,
        "the value typed into a prompt": ask(prompt._replace(prompt=f"the api_key is {SERVICE_KEY}")) is Action.REFUSE,
        "the value typed without a word about it": ask(prompt._replace(prompt=SERVICE_KEY)) is Action.REFUSE,
        "a placeholder written over the value": ask(write._replace(written=(shown,))) is Action.REFUSE,
        "a made-up placeholder around a value": GITHUB
        not in redactor().redact_text(f"<leakfirst lf1:00000000 {GITHUB}>").value,
        "a README that asks to switch the guard off": ask(shell("leakfirst agents uninstall")) is Action.REFUSE,
        "the hook taken out of the settings": ask(shell("sed -i /leakfirst/d ~/.claude/settings.json"))
        is Action.REFUSE,
        "the same through a script that the agent writes": ask(shell("python3 fix.py")) is Action.REFUSE,
        "an ignore mark written beside the value": ask(
            write._replace(path="new.py", written=(f"t = '{GITHUB}'  # leakfirst:allow",))
        )
        is Action.REFUSE,
        "an ignore file that is committed by the agent": False,
    }
    for name, holds in other.items():
        assert f"| {name} | {HOLDS if holds else PASSES} |" in DOC, (name, holds)
    assert len(OUTPUT) + len(other) >= 40
