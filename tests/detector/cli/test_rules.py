"""`leakfirst rules` lists, shows, checks and documents."""

import json
from pathlib import Path

import pytest

from leakfirst._program import main

MINE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{4}"]
pattern = '\\b(acme_[0-9a-z]{24})(?![0-9a-z])'
examples = ["acme_{base36:24}"]
misses = ["acme_{base36:23}"]
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return str(path)


def test_list_takes_globs(capsys: pytest.CaptureFixture[str], mine: str) -> None:
    assert main(["rules", "list", "github.pat-*", "acme.*", "--patterns", mine]) == 0
    out = capsys.readouterr().out
    assert out.split()[0] == "acme.key"
    assert "github.pat-classic" in out
    assert "aws." not in out
    assert main(["rules", "list", "nope.*"]) == 2
    capsys.readouterr()
    assert main(["rules", "list", "github.pat-*", "githb.*"]) == 2
    told = capsys.readouterr()
    assert not told.out and told.err.startswith("leakfirst: no rule matches githb.*;")


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "list", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) > 500
    assert {"id", "finds", "severity", "pattern", "anchors", "examples"} <= set(found[0])


def test_show_says_everything_or_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "show", "github.pat-classic"]) == 0
    assert "{check:github-crc32}" in capsys.readouterr().out
    assert main(["rules", "show", "github.pat-classik"]) == 2
    assert "did you mean github.pat-classic?" in capsys.readouterr().err


def test_check_judges_a_file(capsys: pytest.CaptureFixture[str], mine: str) -> None:
    assert main(["rules", "check", mine]) == 0
    assert "1 rules, 0 errors, 0 warnings" in capsys.readouterr().err
    Path(mine).write_text(MINE.replace("base36:23", "base36:24"))
    assert main(["rules", "check", mine]) == 1
    assert "mine.toml:2: error: acme.key: finds the near-miss" in capsys.readouterr().out


def test_check_names_what_a_foreign_file_says_in_vain(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[[rules]]\nid = 'acme'\nregex = '''acme_[a-z]{16}'''\n[[rules]]\nid = 'p12'\npath = 'p12$'\n")
    assert main(["rules", "check", str(path)]) == 0
    assert "p12: is not carried over" in capsys.readouterr().out


def test_docs_are_written_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = str(tmp_path / "providers.md")
    assert main(["rules", "docs", "--output", page, "--check"]) == 1
    assert main(["rules", "docs", "--output", page]) == 0
    assert main(["rules", "docs", "--output", page, "--check"]) == 0
    assert main(["rules", "docs", "--output", str(tmp_path)]) == 2
    assert f"{tmp_path}: Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["rules", "check"], ["scan", "--patterns"]])
@pytest.mark.parametrize(
    ("text", "error"),
    [
        (MINE + MINE, ":10: the id 'acme.key' is taken by {}:2"),
        (MINE + 'serverity = "high"', ":9: acme.key: unknown key 'serverity'; did you mean 'severity'?"),
    ],
)
def test_a_mistake_in_a_rule_file_is_one_line_and_exit_code_2(
    command: list[str], text: str, error: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert main([*command, str(path), *([str(tmp_path)] if command[0] == "scan" else [])]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"leakfirst: {path}{error.format(path)}\n")
