"""The real agents, against a stand-in for the model's API on this machine: what would a provider have received?

Each program is taken from the PATH, or from the folder in `LEAKFIRST_AGENT_PROGRAMS` (npm packages
`@anthropic-ai/claude-code`, `@openai/codex`, `@google/gemini-cli`, `@github/copilot`, `opencode-ai`); where it
is absent, its tests are skipped. None gets a real account, and none may reach another host.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from detector.rules.shapes import expand
from tests.fakes.model_api import Model, serve
from tests.program import environment

VALUE = "kR7t" + expand("{alnum:28}", 41)
LINE = f'service_api_key = "{VALUE}"\n'
CODED = base64.b64encode(LINE.encode()).decode()[30:58]
KEPT_IN_DATABASES = (
    "thread_history_1.sqlite",
    "thread_history_1.sqlite-wal",
    "session-store.db",
    "session-store.db-wal",
)
"""Databases in which Codex and Copilot keep what they showed on the screen: docs/agents-security.md says so."""

HARMLESS = "harmless-output"

SCENARIOS = {
    "nothing to hide": ("say hello", f"echo {HARMLESS}", HARMLESS),
    "output of a command": ("show the settings", "cat settings.ini", "service_api_key"),
    "output of a command that fails": ("show the settings", "cat settings.ini; exit 3", "service_api_key"),
    "the same in base64": ("show the settings", "base64 -w0 settings.ini", ""),
    "a prompt with the value": (f"please use {VALUE} for service_api_key", "true", ""),
    "a file named in the prompt": ("look at @settings.ini", "true", ""),
}


def find_program(name: str) -> str:
    folder = os.environ.get("LEAKFIRST_AGENT_PROGRAMS", "")
    return shutil.which(name, path=folder or None) or ""


def prepare_claude(home: Path, project: Path, hook: str, model: Model, prompt: str) -> tuple[list[str], dict[str, str]]:
    events = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "SessionStart")
    one = [{"matcher": "*", "hooks": [{"type": "command", "command": f"{hook} claude-code"}]}]
    (project / ".claude").mkdir()
    (project / ".claude/settings.json").write_text(json.dumps({"hooks": dict.fromkeys(events, one)}))
    words = ["claude", "-p", prompt, "--output-format", "json", "--allowedTools", "Bash", "Read", "Write"]
    variables = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "made-up", "DISABLE_TELEMETRY": "1",
                 "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}  # fmt: skip
    return words, variables


def prepare_codex(home: Path, project: Path, hook: str, model: Model, prompt: str) -> tuple[list[str], dict[str, str]]:
    events = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "SessionStart")
    one = [{"hooks": [{"type": "command", "command": f"{hook} codex"}]}]
    (home / ".codex").mkdir()
    (home / ".codex/hooks.json").write_text(json.dumps({"hooks": dict.fromkeys(events, one)}))
    (home / ".codex/config.toml").write_text(
        'model = "gpt-5"\nmodel_provider = "here"\n[model_providers.here]\nname = "here"\n'
        f'base_url = "{model.url}/v1"\nwire_api = "responses"\nenv_key = "HERE_KEY"\n'
    )
    words = ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox",
             "--dangerously-bypass-hook-trust", prompt]  # fmt: skip
    return words, {"HERE_KEY": "made-up"}


def prepare_gemini(home: Path, project: Path, hook: str, model: Model, prompt: str) -> tuple[list[str], dict[str, str]]:
    one = [{"matcher": "*", "hooks": [{"type": "command", "command": f"{hook} gemini"}]}]
    events = ("BeforeAgent", "BeforeTool", "AfterTool", "SessionStart")
    settings = {
        "hooks": dict.fromkeys(events, one),
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text(json.dumps(settings))
    variables = {"GEMINI_API_KEY": "made-up", "GOOGLE_GEMINI_BASE_URL": model.url}
    return ["gemini", "--yolo", "--skip-trust", "-m", "gemini-2.5-flash", "-p", prompt], variables


def prepare_copilot(
    home: Path, project: Path, hook: str, model: Model, prompt: str
) -> tuple[list[str], dict[str, str]]:
    events = ("userPromptTransformed", "preToolUse", "postToolUse", "postToolUseFailure", "sessionStart")
    one = [{"type": "command", "bash": f"{hook} copilot", "timeoutSec": 60}]
    (home / ".copilot/hooks").mkdir(parents=True)
    (home / ".copilot/hooks/leakfirst.json").write_text(json.dumps({"version": 1, "hooks": dict.fromkeys(events, one)}))
    variables = {"COPILOT_OFFLINE": "true", "COPILOT_PROVIDER_BASE_URL": f"{model.url}/v1", "COPILOT_MODEL": "gpt-4.1",
                 "COPILOT_PROVIDER_TYPE": "openai", "COPILOT_AUTO_UPDATE": "false"}  # fmt: skip
    return ["copilot", "--allow-all-tools", "-p", prompt], variables


def prepare_opencode(
    home: Path, project: Path, hook: str, model: Model, prompt: str
) -> tuple[list[str], dict[str, str]]:
    from detector.agents import dialects

    source = (Path(dialects.__file__).parents[1] / "opencode.js").read_text()
    plugins = project / ".opencode/plugins"
    plugins.mkdir(parents=True)
    (plugins / "leakfirst.js").write_text(source.replace('"@COMMAND@"', json.dumps(f"{hook} opencode")))
    provider = {"npm": "@ai-sdk/anthropic", "options": {"baseURL": f"{model.url}/v1", "apiKey": "made-up"}}
    settings = {"provider": {"anthropic": provider}, "model": "anthropic/claude-sonnet-4-5", "autoupdate": False,
                "share": "disabled", "permission": {"bash": "allow"}}  # fmt: skip
    (project / "opencode.json").write_text(json.dumps(settings))
    return ["opencode", "run", prompt], {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}


AGENTS = {
    "claude": prepare_claude,
    "codex": prepare_codex,
    "gemini": prepare_gemini,
    "copilot": prepare_copilot,
    "opencode": prepare_opencode,
}


@pytest.mark.slow
@pytest.mark.net
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("agent", AGENTS)
def test_no_planted_value_reaches_the_model(agent: str, scenario: str, tmp_path: Path) -> None:
    program = find_program(agent)
    if not program:
        pytest.skip(f"{agent} is not installed here")
    if agent == "opencode":
        pytest.skip("opencode 1.18.33 does not end against this stand-in, for a reason that is not known yet")
    prompt, command, must_come = SCENARIOS[scenario]
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (project / "settings.ini").write_text(LINE)
    hook = f"{shlex.quote(sys.executable)} -P -m leakfirst agents hook"
    with serve(command) as model:
        words, variables = AGENTS[agent](home, project, hook, model, prompt)
        own = {**environment(), "HOME": str(home), "SHELL": "/bin/bash", "NO_PROXY": "*", "HTTPS_PROXY": "http://127.0.0.1:9",
               "HTTP_PROXY": "", "PATH": f"{os.path.dirname(program)}:{os.environ['PATH']}"}  # fmt: skip
        done = subprocess.run(
            [program, *words[1:]], cwd=project, env={**own, **variables}, capture_output=True, timeout=240, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        sent = [body for body in model.bodies if VALUE in body or CODED in body]
    assert model.bodies or scenario.startswith("a "), done.stderr[-2000:].decode("utf-8", "replace")
    assert sent == []
    assert not must_come or any(must_come in body for body in model.bodies), [body[:300] for body in model.bodies]
    assert wait_until_clean(home) == [], "the transcript holds the value"


def wait_until_clean(home: Path) -> list[str]:
    """Return the files that hold the value, some seconds after the end: a transcript is scrubbed after it is written."""
    for _ in range(20):
        kept = [path for path in home.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]
        if not [path for path in kept if path.name not in KEPT_IN_DATABASES]:
            return []
        time.sleep(1)
    return [str(path.relative_to(home)) for path in kept]
