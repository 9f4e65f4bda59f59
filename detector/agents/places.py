"""Where agents, shells and databases keep what was typed and shown on this machine."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

TRANSCRIPTS = (
    (".claude/projects/**/*.jsonl", "Claude Code"),
    (".claude/history.jsonl", "Claude Code"),
    (".claude/shell-snapshots/*", "Claude Code"),
    (".claude/file-history/**/*", "Claude Code"),
    (".claude/todos/*.json", "Claude Code"),
    (".codex/sessions/**/*.jsonl", "Codex"),
    (".codex/archived_sessions/*.jsonl", "Codex"),
    (".codex/history.jsonl", "Codex"),
    (".codex/log/*", "Codex"),
    (".codex/*.sqlite", "Codex"),
    (".copilot/session-state/**/*", "Copilot"),
    (".copilot/history-session-state/**/*", "Copilot"),
    (".copilot/logs/*", "Copilot"),
    (".copilot/*.db", "Copilot"),
    (".gemini/tmp/**/*.json*", "Gemini CLI"),
    (".gemini/history/**/*", "Gemini CLI"),
    (".cursor/projects/**/*.jsonl", "Cursor"),
    (".cursor/projects/**/*.txt", "Cursor"),
    (".cursor/chats/**/*", "Cursor"),
    (".local/share/opencode/**/*.json", "opencode"),
    (".local/share/opencode/*.db", "opencode"),
    (".vibe/logs/**/*", "Mistral Vibe"),
    (".aider*", "Aider"),
    (".continue/sessions/*.json", "Continue"),
)
"""Patterns below the home folder, each with whose it is."""

EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
EDITOR_FOLDERS = (".config", "Library/Application Support", "AppData/Roaming")
EDITOR_FILES = (
    "User/globalStorage/state.vscdb",
    "User/workspaceStorage/*/state.vscdb",
    "User/workspaceStorage/*/chatSessions/*.json*",
    "User/workspaceStorage/*/GitHub.copilot-chat/transcripts/*.jsonl",
    "User/globalStorage/saoudrizwan.claude-dev/tasks/**/*.json",
    "User/mcp.json",
    "User/settings.json",
)

SETTINGS = (
    (".claude.json", "Claude Code"),
    (".claude/settings*.json", "Claude Code"),
    (".claude/.mcp.json", "Claude Code"),
    (".config/claude/*.json", "Claude Code"),
    (".codex/config.toml", "Codex"),
    (".codex/hooks.json", "Codex"),
    (".copilot/*.json", "Copilot"),
    (".gemini/settings.json", "Gemini CLI"),
    (".gemini/.env", "Gemini CLI"),
    (".cursor/mcp.json", "Cursor"),
    (".codeium/windsurf/mcp_config.json", "Windsurf"),
    (".config/opencode/*.json*", "opencode"),
    (".vibe/*.toml", "Mistral Vibe"),
    (".vibe/.env", "Mistral Vibe"),
    (".config/zed/settings.json", "Zed"),
    (".continue/config.*", "Continue"),
)

HISTORIES = (
    ".bash_history", ".zsh_history", ".local/share/fish/fish_history", ".sh_history", ".python_history",
    ".node_repl_history", ".psql_history", ".mysql_history", ".mariadb_history", ".sqlite_history", ".rediscli_history",
    ".dbshell", ".mongodb/mongosh/*_repl_history", ".irb_history", ".lesshst", ".viminfo",
    ".local/share/powershell/PSReadLine/ConsoleHost_history.txt",
)  # fmt: skip

PROJECT_FILES = (
    ".mcp.json", ".claude/settings*.json", ".codex/config.toml", ".cursor/mcp.json", ".gemini/settings.json",
    ".vscode/mcp.json", ".aider*", "opencode.json*",
)  # fmt: skip
"""Files of agents in a project, whose values a model or its servers see."""


class AgentFile(NamedTuple):
    """One file, whose it is, and whether it may be scrubbed: settings would stop working."""

    path: str
    owner: str
    is_transcript: bool


def list_files(home: str, projects: Sequence[str] = (), since_days: float = 0) -> Iterator[AgentFile]:
    """Yield the files of agents below *home* and in *projects*, each once; with *since_days* those changed since."""
    oldest = time.time() - 86_400 * since_days if since_days else 0.0
    seen = set()
    for pattern, owner, is_transcript in _list_patterns(home, projects):
        for path in sorted(glob.glob(pattern, recursive=True, include_hidden=True)):
            if path in seen or not os.path.isfile(path) or os.path.islink(path):
                continue
            seen.add(path)
            if os.path.getmtime(path) >= oldest:
                yield AgentFile(path, owner, is_transcript)


def _list_patterns(home: str, projects: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    base = glob.escape(home)
    for pattern, owner in TRANSCRIPTS:
        yield os.path.join(base, pattern), owner, True
    for pattern, owner in SETTINGS:
        yield os.path.join(base, pattern), owner, False
    for pattern in HISTORIES:
        yield os.path.join(base, pattern), "a history", True
    for folder in EDITOR_FOLDERS:
        for editor in EDITORS:
            for pattern in EDITOR_FILES:
                is_transcript = not pattern.endswith(("mcp.json", "settings.json"))
                yield os.path.join(base, folder, editor, pattern), editor, is_transcript
    for project in projects:
        for pattern in PROJECT_FILES:
            yield os.path.join(glob.escape(project), pattern), "a project", False
