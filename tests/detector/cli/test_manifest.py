"""`leakfirst manifest` from the command line: differences, roots and files."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from detector.incident.manifest import file_format
from tests.detector.incident.manifest.making import make_tree, run


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path)


def test_every_difference_is_reported(tree: Path) -> None:
    run("create", cwd=tree)
    (tree / "plain.py").write_text("other\n")
    (tree / "sub" / "new\nline").unlink()
    (tree / "sub" / "tool.sh").chmod(0o644)
    (tree / "ü").chmod(0o755)
    (tree / "link").unlink()
    (tree / "link").symlink_to("plain.py")
    (tree / "empty").unlink()
    (tree / "empty").symlink_to("plain.py")
    (tree / "more").mkdir()
    (tree / "more" / "new\x1b[2J").write_text("x")
    os.mkfifo(tree / "pipe")
    done = run("verify", cwd=tree, code=1)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "kind",
        "link",
        "added",
        "added",
        "changed",
        "missing",
        "mode",
        "mode",
    ]
    assert lines[1] == "link        link: plain.py, expected sub/tool.sh"
    assert lines[2].endswith("more/new\\x1b[2J") and lines[3].endswith("pipe (pipe)")
    assert lines[6] == "mode        sub/tool.sh: plain, expected executable"
    data = json.loads(run("verify", "--format", "json", cwd=tree, code=1).stdout)
    assert not data["verified"] and len(data["differences"]) == 8
    assert {"path": "empty", "what": "kind", "expected": "file", "found": "link"} in data["differences"]
    subprocess.run(
        [sys.executable, "-m", "json.tool"], input=json.dumps(data), text=True, check=True, capture_output=True
    )


def test_the_root_is_found(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    run("create", "../tree", cwd=tmp_path / "other")
    run("verify", "tree", cwd=tmp_path)
    run("verify", "tree/MANIFEST.sha256", cwd=tmp_path)
    run("verify", cwd=tree)
    (tree / file_format.NAME).unlink()
    run("create", "tree", "-o", "here", cwd=tmp_path)
    assert b"  tree/plain.py" in (tmp_path / "here").read_bytes()
    run("verify", "here", cwd=tmp_path)
    run("create", "--root", "tree", "-o", "there", cwd=tmp_path)
    run("verify", "there", "--root", "tree", cwd=tmp_path)
    run("verify", "--root", "nowhere", cwd=tmp_path, code=2)


def test_a_manifest_is_readable_and_no_temporary_file_is_left(tree: Path) -> None:
    run("create", cwd=tree)
    assert stat.S_IMODE((tree / file_format.NAME).stat().st_mode) & 0o400
    assert [name for name in os.listdir(tree) if name.endswith(".part")] == []
