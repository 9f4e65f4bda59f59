"""The first words of the command line, and how an error ends the program."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

import leakfirst
from detector.errors import UsageError
from leakfirst import _program


@pytest.mark.parametrize("words", [["--version"], ["-V"]])
def test_the_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert _program.main(words) == 0
    assert capsys.readouterr().out == f"leakfirst {leakfirst.__version__}\n"


@pytest.mark.parametrize(("words", "code"), [([], 2), (["--help"], 0), (["help"], 0), (["--nonsense"], 2)])
def test_without_a_command_it_says_how_to_use_it(
    words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _program.main(words) == code
    captured = capsys.readouterr()
    assert "usage: leakfirst COMMAND" in captured.out + captured.err


@pytest.mark.parametrize("words", [["scna", "."], ["hook", "run", "pre-comit"]])
def test_an_unknown_name_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert _program.main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("leakfirst: unknown ")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("bad\x1b[31m name"), 2, "leakfirst: bad\ufffd[31m name\n"),
        (KeyboardInterrupt(), 130, "leakfirst: interrupted\n"),
    ],
)
def test_an_expected_error_is_one_printable_line(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_words: list[str]) -> int:
        raise error

    monkeypatch.setattr(_program, "_dispatch", fail)
    assert _program.main(["scan"]) == code
    assert capsys.readouterr().err == said


def test_an_unexpected_error_is_a_bug(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_words: list[str]) -> int:
        raise OSError(errno.EIO, "broken", str(tmp_path))

    monkeypatch.setattr(_program, "_dispatch", fail)
    with pytest.raises(OSError, match="broken"):
        _program.main(["scan"])


@pytest.mark.parametrize(
    ("name", "code"), [("sqlalchemy.orm", 2), ("alembic", 2), ("detector.nothing", 70), (None, 70)]
)
def test_a_missing_package_of_an_extra_is_named_and_any_other_is_a_bug(
    name: str | None, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(words: list[str]) -> int:
        raise ModuleNotFoundError("no module", name=name)

    monkeypatch.setattr(_program, "_dispatch", fail)
    monkeypatch.setattr("sys.argv", ["leakfirst"])
    with pytest.raises(SystemExit) as ended:
        _program.run()
    assert ended.value.code == code
    assert ("with the extra sweep" in capsys.readouterr().err) == (code == 2)
