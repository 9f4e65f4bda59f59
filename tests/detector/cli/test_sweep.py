"""`leakfirst sweep`: what it prints, what it writes, with which exit code."""

import argparse
import json
import pickle
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from detector.cli.sweep import add_arguments, make_worker_settings, read_sweep_table
from detector.errors import UsageError
from detector.fleet.inventory import parse_spec
from detector.registry import list_names
from leakfirst._program import main
from tests.detector.fleet import synthetic
from tests.fakes.forges import forge


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    synthetic.make_fleet(tmp_path / "fleet", 4)
    return tmp_path / "fleet"


def run(*words: str) -> int:
    return main(["sweep", *words])


def test_new_findings_are_reported_once(fleet, capsys):
    assert run(str(fleet), "--jobs", "2") == 1
    first = capsys.readouterr().out
    assert first.startswith("New (")
    assert "4 repositories" in first
    assert run(str(fleet), "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert run("status") == 0
    status = capsys.readouterr().out
    assert status.startswith("Sweep 2, completed ")
    assert "The same credential in several repositories" in status
    assert "New (" not in status
    assert run("status", "--run", "1") == 0
    assert "New (" in capsys.readouterr().out


def test_what_cannot_be_read_is_reported_and_makes_the_exit_code_3(fleet, capsys):
    (fleet / "r0000.git" / "packed-refs").unlink(missing_ok=True)
    for place in fleet.iterdir():
        (place / "shallow").write_text("1" * 40 + "\n")
    assert run(str(fleet), "--exit-zero") == 3
    assert "is a shallow clone" in capsys.readouterr().out
    assert run(str(fleet), "--quiet") == 3
    assert capsys.readouterr().out.startswith("4 could not be read completely: ")


def test_closing_reopening_and_what_is_overdue(fleet, tmp_path, capsys):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[sweep]\ninventory = ["{fleet}"]\nstate = "{tmp_path / "fleet.db"}"\n'
        '[sweep.deadlines]\ncritical = 0\nhigh = 0\n[sweep.owners]\n"r0000" = "team-zero"\n'
    )
    words = "--config", str(config)
    assert run(*words) == 1
    capsys.readouterr()
    assert run("report", "--format", "json", *words) == 0
    printed = json.loads(capsys.readouterr().out)
    finding = next(line for line in printed["findings"] if line["repository"] == "r0000")
    assert finding["owner"] == "team-zero"
    assert finding["deadline"]
    assert run("close", finding["fingerprint"], "--reason", "accepted", *words) == 0
    assert "closed" in capsys.readouterr().out
    assert run("status", *words) == 0
    status = capsys.readouterr().out
    assert re.search(rf"^Closed \(\d+\):\n.*{finding['fingerprint']}  \(accepted, by ", status, re.M)
    assert run("reopen", finding["fingerprint"], "--repository", "r0000", *words) == 0
    assert "1 finding reopened" in capsys.readouterr().out


@pytest.mark.parametrize("format_", sorted({*list_names("detector.fleet.reports")} - {"prometheus"}))
def test_every_format_of_the_report_names_the_findings_and_shows_no_value(fleet, tmp_path, capsys, format_):
    run(str(fleet), "--quiet")
    capsys.readouterr()
    out = tmp_path / "report"
    assert run("report", "--format", format_, "--output", str(out)) == 0
    text = out.read_text()
    assert "github.pat" in text
    assert "config/app.env" in text
    assert not [number for number in range(50) if synthetic.make_secret(number) in text]


def test_names_from_a_hostile_repository_are_neither_markup_nor_terminal_codes(tmp_path, capsys):
    place = tmp_path / "fleet" / "x.git"
    place.mkdir(parents=True)
    synthetic.run_git(place, "init", "-q", "--bare", "-b", "main", ".")
    stream = synthetic.ImportStream(1)
    stream.commit("main", {'"a|<b>\\033[31m`@all.env"': f"TOKEN={synthetic.make_secret(3)}\n"}, "Odd")
    stream.write_to(place)
    run(str(place.parent), "--quiet")
    capsys.readouterr()
    for format_, never in (("text", "\x1b"), ("markdown", " @all"), ("html", "<b>")):
        run("report", "--format", format_)
        printed = capsys.readouterr().out
        assert never not in printed
        assert "all.env" in printed


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "no inventory"),
        (("status",), "there is no state yet"),
        (("report", "--format", "nonsense"), "known: html, json, markdown, prometheus, text"),
        (("close", "lf1:0", "--reason", "x"), "there is no state yet"),
        (("close", "lf1:0"), "give a --reason"),
        (("reopen",), "name one finding"),
        (("status", "lf1:0"), "unexpected argument 'lf1:0'"),
        (("nowhere",), "no such file, folder or inventory"),
        ((".", "--cluster", "nonsense"), "write tcp://HOST:PORT"),
        ((".", "--state", "mysql://x/y"), "SQLite"),
    ],
)
def test_wrong_usage_is_one_line(words, says, capsys):
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert says in said


@pytest.mark.parametrize(
    "table",
    [
        {"inventry": []},
        {"jobs": "2"},
        {"jobs": True},
        {"deadlines": {"worst": 1}},
        {"owners": {"a": 1}},
        {"inventory": [1]},
    ],
)
def test_a_mistake_in_the_configuration_is_named(table):
    with pytest.raises(UsageError, match=next(iter(table))):
        read_sweep_table({"sweep": table})


def test_workers_get_only_the_parts_of_the_configuration_that_they_need():
    operator = {
        "sweep": {"state": "postgresql://ann:sesame@db/x", "host": {"git.example.org": {"token-env": "GIT_TOKEN"}}},
        "rotate": {"token": "sesame"},
        "allow": [{"words": ["EXAMPLE"], "reason": "a word of the manual"}],
    }
    settings, _ = make_worker_settings(operator, read_sweep_table(operator))
    pickled = pickle.dumps(settings)
    assert b"sesame" not in pickled
    assert b"GIT_TOKEN" in pickled and b"a word of the manual" in pickled


@pytest.mark.net
def test_repositories_that_were_left_out_on_purpose_do_not_make_a_sweep_incomplete(monkeypatch, capsys):
    with forge() as server:
        server.add("acme/fork", fork=True)
        monkeypatch.setenv("LEAKFIRST_CONFIG", "/dev/null")
        assert run(f"gitea:{server.url}/acme", "--quiet") == 0
        assert capsys.readouterr().out == ""
        assert run(f"gitea:{server.url}/acme") == 0
        assert "left out, forks: 1" in capsys.readouterr().out


# -- documentation -------------------------------------------------------------

DOCS = Path(__file__).parents[3] / "docs"


def find_blocks(file: str, language: str) -> list[str]:
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (DOCS / file).read_text(), re.S | re.M)
    assert blocks
    return blocks


def test_the_commands_in_the_documentation_are_accepted():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    lines = [line for block in find_blocks("sweep.md", "sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("leakfirst sweep")]
    assert len(commands) >= 6
    for words in commands:
        parser.parse_intermixed_args(words)


@pytest.mark.parametrize("file", ["sweep.md", "inventory.md"])
def test_the_configuration_in_the_documentation_is_valid(file):
    for block in find_blocks(file, "toml"):
        assert read_sweep_table(tomllib.loads(block))


def test_the_specifications_in_the_documentation_are_known():
    specs = re.findall(r"`((?:github|gitlab|gitea|folder|file):[^`]+)`", (DOCS / "inventory.md").read_text())
    assert {parse_spec(spec)[0] for spec in specs} == {"github", "gitlab", "gitea", "folder", "file"}


def test_the_documented_options_exist_and_every_option_has_a_help_text(capsys):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    known = {option for action in parser._actions for option in action.option_strings}
    named = set(re.findall(r"`(--[a-z][a-z-]+)", (DOCS / "sweep.md").read_text()))
    assert named - known <= {"--no-worktree", "--nthreads", "--alone"}
    assert all(action.help for action in parser._actions)
