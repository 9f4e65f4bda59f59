from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from detector.ignores.gitignore import compile_gitignore, matches_globs, rewrite_brackets

LINES = [
    "test[[:digit:]].env", "[[:alpha:]]x", "[![:alpha:]]x", "[^[:digit:]]x", "a[[:punct:]]b", "[[:upper:][:digit:]]",
    "[[:space:]]", "[[:xdigit:]-z]", r"[\]]x", r"[\\]x", "[]]x", "[]-a]x", "[!]]x", "[a-]x", "[-a]x", "[z-a]", "[a-c-e]x",
    "a[", "a[b", "[[:nope:]]", "[[:digit:]", "[[:digit]", "[[]x", "[&&a]x", "[a~~b]x", "[||]x", "[^^]x", "[!!]x", "[a!]x",
    "[!-0]x", "[[-a]x", "[[-]x", r"[a\-c]x", r"\[a]x", "a[/]b", "#[", "[\\", "*", "a\\",
]  # fmt: skip
PATHS = [
    "test1.env", "testx.env", "test[.env", "ax", "1x", "Zx", "a]b", "a-b", "a^b", "a\\b", "a[b", "a/b", "A", "9", "]x", "\\x", "[x", "-x",
    "bx", "cx", "dx", "ex", "a[", "z", "~x", "&x", "|x", "^x", "!x", "[a]x", "d", "[:nope:]", "`x", "%x", "0x",
]  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def ask_git(repository: Path, line: str) -> set[str]:
    (repository / ".git" / "info" / "exclude").write_text(f"{line}\n")
    command = ["git", "-C", str(repository), "check-ignore", "--no-index", "--stdin", "-z"]
    answer = subprocess.run(command, input="\0".join(PATHS).encode(), capture_output=True)
    return set(filter(None, answer.stdout.decode().split("\0")))


@pytest.mark.parametrize("line", LINES)
def test_lines_mean_what_they_mean_to_git(repository: Path, line: str) -> None:
    ours = {path for path in PATHS if matches_globs((line,), path)}
    theirs = ask_git(repository, line)
    assert ours <= theirs, "more is set aside than git would ignore"
    assert ours == theirs


@pytest.mark.parametrize("line", ["\0", "a\0b", "\0*", "[\0]"])
def test_a_nul_matches_nothing(line: str) -> None:
    assert not matches_globs((line,), "a.py")


def test_a_line_that_is_no_pattern_leaves_the_others_in_force() -> None:
    spec = compile_gitignore(["[z-a]", "[[:nope:]]", "a[", "b.py", "\0"])
    assert spec.match_file("b.py")
    assert not spec.match_file("a.py")


def test_other_lines_are_left_as_they_are() -> None:
    assert rewrite_brackets("docs/**/*.md") == "docs/**/*.md"
    assert rewrite_brackets("#[[:digit:]]") == "#[[:digit:]]"
