from __future__ import annotations

import io
from pathlib import Path

import pytest

from detector.reports import github
from tests.golden.sample import OPTIONS, large, scan


def lines(monkeypatch: pytest.MonkeyPatch, summary: str | None = None) -> list[str]:
    if summary is None:
        monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    else:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", summary)
    out = io.StringIO()
    github.write(scan(), out, OPTIONS)
    return out.getvalue().split("\n")[:-1]


def test_every_line_is_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = lines(monkeypatch)
    assert len(shown) == 5 + 3 + 1 + 1
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in shown)


def test_a_file_at_hand_is_annotated_and_history_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = lines(monkeypatch)
    assert first.startswith("::error file=config/production/settings.py,line=20,endLine=20,col=17,endColumn=57,title=")
    assert first.endswith("fewer scopes.")
    assert second.startswith("::error title=AWS access key::")
    assert "commit message:3:9" in second


def test_a_hostile_name_cannot_leave_its_property(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = next(line for line in lines(monkeypatch) if "title=Private key" in line)
    properties = hostile.removeprefix("::error ").partition("::")[0].split(",")
    assert [word.partition("=")[0] for word in properties] == ["file", "line", "endLine", "title"]


def test_escapes() -> None:
    assert github._escape_data("50%\r\na:b,c") == "50%25%0D%0Aa:b,c"
    assert github._escape_data("50%\r\na:b,c", ":,") == "50%25%0D%0Aa%3Ab%2Cc"


def test_the_step_summary_is_appended_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    lines(monkeypatch, str(file))
    text = file.read_text("utf-8")
    assert text.startswith("before\n## leakfirst: 5 credentials found")


def test_the_step_summary_stays_below_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    github.write(large(3_000, 5), io.StringIO(), OPTIONS)
    assert file.stat().st_size < 1 << 20
    assert "truncated here" in file.read_text("utf-8")
