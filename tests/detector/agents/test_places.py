import os
from pathlib import Path

from detector.agents.places import list_files


def test_files_of_agents_are_listed_once_and_links_are_not(tmp_path: Path) -> None:
    for name in (".claude/projects/-p/s.jsonl", ".claude/projects/-p/x/subagents/t.jsonl", ".claude/settings.json", ".bash_history",
                 ".config/Cursor/User/globalStorage/state.vscdb", "project/.mcp.json", "other.txt"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    os.symlink("/etc/passwd", tmp_path / ".zsh_history")
    found = {
        os.path.relpath(file.path, tmp_path): file for file in list_files(str(tmp_path), [str(tmp_path / "project")])
    }
    assert len(found) == 6 and "other.txt" not in found
    assert found[".bash_history"].is_transcript and not found[".claude/settings.json"].is_transcript


def test_old_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".bash_history").write_text("x")
    os.utime(tmp_path / ".bash_history", (1, 1))
    assert list(list_files(str(tmp_path), since_days=30)) == []
    assert len(list(list_files(str(tmp_path)))) == 1
