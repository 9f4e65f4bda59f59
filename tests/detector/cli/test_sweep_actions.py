"""The actions of `leakfirst sweep` beside the sweep itself."""

import pytest

from detector.errors import ExitCode
from leakfirst._program import main
from tests.detector.fleet import synthetic


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEAKFIRST_CONFIG", "/dev/null")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["acknowledge", "x"], "give a --reason"),
        (["acknowledge", "x", "--reason", "y"], "there is no state yet"),
        (["close", "lf1:1"], "give a --reason"),
        (["status", "x"], "unexpected argument"),
    ],
)
def test_wrong_usage_is_one_line(words, says, capsys):
    assert main(["sweep", *words]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


def test_a_fleet_without_gaps_says_so_and_a_name_without_a_gap_is_refused(tmp_path, capsys):
    synthetic.make_fleet(tmp_path / "fleet", 1)
    main(["sweep", str(tmp_path / "fleet"), "--jobs", "1"])
    capsys.readouterr()
    assert main(["sweep", "acknowledge"]) == ExitCode.CLEAN
    assert capsys.readouterr().out == "everything that is listed was looked at\n"
    assert main(["sweep", "acknowledge", "r0000", "--reason", "known"]) == ExitCode.USAGE
    assert "r0000: nothing is missing there" in capsys.readouterr().err
