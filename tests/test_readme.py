"""The README tells the truth: its code runs, its commands exist, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from detector.registry import list_names, load_plugin

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_library_example_runs(tmp_path, monkeypatch, capsys) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.env").write_text("DB_PASSWORD=" + "".join(["q7", "Wm", "2x", "Lp", "9v", "Rt"]) + "\n")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert "generic.password" in capsys.readouterr().out


SHELL = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
COMMANDS = re.findall(r"^leakfirst (.+?)(?:\s+#.*)?$", SHELL, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str, capsys) -> None:
    import argparse

    words = shlex.split(line)
    command = load_plugin("detector.cli", words[0], what="command")
    parser = argparse.ArgumentParser(allow_abbrev=False)
    command.add_arguments(parser)
    parser.parse_args(words[1:])


def test_commands_are_tested() -> None:
    assert len(COMMANDS) >= 8


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("name", list_names("detector.cli"))
def test_every_command_has_help_with_an_example(name: str) -> None:
    import argparse

    command = load_plugin("detector.cli", name, what="command")
    parser = argparse.ArgumentParser(prog=f"leakfirst {name}")
    command.add_arguments(parser)
    told = parser.format_help()
    assert f"leakfirst {name}" in told.partition("\n\n")[2]
    assert command.SUMMARY
