from __future__ import annotations

import io
import re

import pytest

from detector.model import Finding, Location, Origin, Scan, Stats
from detector.reports._options import ReportOptions
from detector.reports.text import write
from tests.golden.sample import GITHUB, OPTIONS, PEM, TOKEN, empty, large, scan

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def printed(found: Scan, options: ReportOptions = OPTIONS) -> str:
    out = io.StringIO()
    write(found, out, options)
    return out.getvalue()


def one(*locations: Location) -> Scan:
    return Scan((Finding("lf1:1", GITHUB, "high", "high", TOKEN, (), locations),), (), Stats(), "", True)


def at(path: str, line: int = 1, snippet: str = "", **origin: str) -> Location:
    return Location(Origin(origin.pop("kind", "worktree"), path, **origin), 0, 1, line, 1, line, 2, (), snippet)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_colour_changes_nothing_but_colour(width: int) -> None:
    options = OPTIONS._replace(width=width, explain=True, show_ignored=True, verbose=1)
    coloured = printed(scan(), options._replace(colour=True))
    assert "\x1b[" in coloured
    assert ESCAPES.sub("", coloured) == printed(scan(), options)


def test_a_long_line_is_cut_around_the_secret() -> None:
    snippet = "a" * 300 + f' key="{TOKEN.redacted}" ' + "b" * 300
    line = next(line for line in printed(one(at("x.py", 1, snippet))).splitlines() if "│" in line)
    assert len(line) <= 80
    assert TOKEN.redacted in line
    assert line.endswith("…") and "│ …" in line


def test_few_places_are_shown_and_a_file_at_hand_is_among_them() -> None:
    history = [at(f"old{n}.py", kind="blob", commit=f"{n}" * 40) for n in range(9)]
    text = printed(one(*history, at("now.py")))
    assert "old0.py" in text and "old1.py" in text and "now.py" in text
    assert "old2.py" not in text
    assert "and 7 more locations" in text
    assert "old8.py" in printed(one(*history, at("now.py")), OPTIONS._replace(verbose=1))


def test_a_repository_is_named_unless_it_is_the_only_target() -> None:
    alone = OPTIONS._replace(target="/srv/a")
    assert "in /srv/a" not in printed(one(at("x", repository="/srv/a"), at("y", repository="/srv/a")), alone)
    text = printed(one(at("x", repository="/srv/a"), at("y", repository="/srv/b")), alone)
    assert "in /srv/a" in text and "in /srv/b" in text
    assert "in b" in printed(one(at("x", repository="b")), OPTIONS._replace(target="a b"))
    text = printed(one(at("x", repository="svc"), at("y")), OPTIONS._replace(target="."))
    assert "where    in svc\n" in text and "in .\n" in text


def test_a_place_without_a_line_has_no_line() -> None:
    assert "where    image.bin  working tree\n" in printed(one(at("image.bin", 0)))


def test_quiet_prints_findings_and_gaps_alone() -> None:
    text = printed(scan(), OPTIONS._replace(quiet=True))
    assert "GitHub personal access token" in text
    assert "Could not be scanned: 3" in text
    assert "Found" not in text and "Read" not in text
    assert printed(empty(), OPTIONS._replace(quiet=True)) == ""


def test_a_secret_of_many_lines_is_shown_on_one() -> None:
    text = printed(scan(), OPTIONS._replace(show_secrets=True))
    lines = PEM.reveal().decode("utf-8", "surrogateescape").split("\n")
    assert f"Private key  {lines[0]}\\x0a{lines[1]}\\x0a\\xff\\x0a\n" in text


def test_an_ascii_log_takes_everything() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    write(scan(), out, OPTIONS)
    out.flush()
    assert b"ghp_..." in raw.getvalue()
    assert b"12 | GITHUB_TOKEN" in raw.getvalue()


def test_incomplete_is_never_called_clean() -> None:
    assert printed(empty()).startswith("No credentials found.")
    text = printed(empty(complete=False))
    assert "No credentials found" not in text
    assert "not a clean result" in text
    assert "Interrupted" in printed(empty(complete=False)._replace(interrupted=True))


def test_many_findings_are_all_printed() -> None:
    assert "Found 10,000 credentials in 30,000 locations (10,000 critical)." in printed(large(10_000, 3))
