from __future__ import annotations

import io

import pytest

from detector.config import Config, ReportTarget
from detector.errors import UsageError
from detector.reports import check_formats, make_options, write
from tests.golden.sample import scan


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_needs_a_terminal_and_no_objection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert make_options(Config(), Terminal()).colour
    assert not make_options(Config(), io.StringIO()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not make_options(Config(), Terminal()).colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not make_options(Config(), Terminal()).colour


def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "77")
    assert make_options(Config(), Terminal()).width == 77
    assert make_options(Config(), io.StringIO()).width == 100


def test_an_unknown_format_is_refused_before_the_scan() -> None:
    with pytest.raises(UsageError, match=r"unknown format 'xml'; known: csv, .*text"):
        check_formats(Config(reports=(ReportTarget("xml"),)))


@pytest.mark.parametrize("name", ["csv", "markdown", "html", "github", "text"])
def test_any_encoding_of_the_output_will_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write(name, scan(), out, Config())
    out.flush()
