"""Make a tree of files with difficult names, and run `leakfirst manifest` in this process."""

import contextlib
import io
import os
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from leakfirst._program import main

NAMES = [
    "plain.py",
    "sub/a b.js",
    "sub/new\nline",
    "back\\slash",
    "cr\rname",
    os.fsdecode(b"not-utf8-\xff"),
    "#remark",
    "ü",
]


class Output(NamedTuple):
    stdout: str
    stderr: str


def run(*words: str, cwd: Path, code: int = 0, path: str = "") -> Output:
    out, err = io.StringIO(), io.StringIO()
    environment = {"PATH": path} if path else {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(cwd))
        stack.enter_context(mock.patch.dict(os.environ, environment))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        returned = main(["manifest", *words])
    assert returned == code, out.getvalue() + err.getvalue()
    return Output(out.getvalue(), err.getvalue())


def make_tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name!r}\n")
    (root / "sub" / "tool.sh").write_text("#!/bin/sh\n")
    (root / "sub" / "tool.sh").chmod(0o755)
    (root / "link").symlink_to("sub/tool.sh")
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "empty").write_bytes(b"")
    (root / "large").write_bytes(os.urandom(3 << 20))
    return root
