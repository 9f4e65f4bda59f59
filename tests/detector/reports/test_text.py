from __future__ import annotations

import io
import re

import pytest

from detector.model import Finding, Location, Origin, PlaceClass, Scan, Stats
from detector.reports._options import ReportOptions, ShownFindings
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


def test_a_file_of_another_repository_has_the_path_from_the_users_folder() -> None:
    here = OPTIONS._replace(target="/srv/a", here="/srv")
    text = printed(one(at("x", repository="/srv/a"), at("y", repository="/srv/b"), at("z", repository="/opt/c")), here)
    assert "where    a/x:1:1" in text and " b/y:1:1" in text and " /opt/c/z:1:1" in text
    text = printed(one(at("x", repository="svc"), at("y")), OPTIONS._replace(target="."))
    assert "where    svc/x:1:1" in text and " y:1:1" in text


def many(count: int, severity: str = "high") -> Scan:
    found = one(at("src/app.py", snippet="a line")).findings[0]._replace(severity=severity)
    return Scan(tuple(found._replace(fingerprint=f"lf1:{n}") for n in range(count)), (), Stats(), "", True)


def test_many_findings_are_listed_and_few_are_told_in_blocks() -> None:
    assert "harm     " in printed(many(5)) and "--details" not in printed(many(5))
    text = printed(many(6))
    assert "harm     " not in text and text.count("src/app.py:1:1") == 6
    assert "HIGH     GitHub personal access token (classic), in source: 6\n" in text
    assert printed(many(6), OPTIONS._replace(details=True)).count("harm     ") == 6
    assert printed(many(6), OPTIONS._replace(explain=True)).count("would change it") == 6


def test_the_urgent_ones_among_many_are_told_in_blocks_first() -> None:
    urgent = many(1, "critical").findings[0]._replace(fingerprint="lf1:urgent")
    text = printed(many(40)._replace(findings=(*many(40).findings, urgent)))
    assert text.startswith("CRITICAL GitHub") and text.count("harm     ") == 1
    assert text.count("src/app.py:1:1") == 41


def test_a_thousand_findings_take_a_line_each() -> None:
    found = [
        many(1, severity).findings[0]._replace(fingerprint=f"lf1:{severity}{n}", place=place)
        for severity in ("critical", "high", "medium", "low")
        for place in PlaceClass
        for n in range(48)
    ]
    lines = printed(many(0)._replace(findings=tuple(found))).splitlines()
    assert len(lines) <= len(found) + 100
    assert lines[0].startswith("CRITICAL")


def test_what_is_below_the_threshold_is_told_in_one_line_each_and_fails_nothing() -> None:
    low = many(1, "low").findings[0]._replace(fingerprint="lf1:low")
    text = printed(many(2)._replace(findings=(*many(2).findings, low)))
    assert text.count("harm     ") == 2
    assert "LOW      GitHub personal access token (classic), in source: 1\n  src/app.py:1:1" in text
    assert "2 fail (--fail-on medium); 1 finding below it is told only.\n" in text
    assert "0 fail (--fail-on critical); 2 findings below it are told only." in printed(
        many(2)._replace(fail_on="critical")
    )


def test_a_filter_hides_and_says_so() -> None:
    shown = OPTIONS._replace(shown=ShownFindings(severity="critical"))
    text = printed(many(2), shown)
    assert "src/app.py" not in text and "2 findings not shown, as filtered" in text
    for wanted in (ShownFindings(rules=("github.*",)), ShownFindings(paths=("src",)), ShownFindings(paths=("*.py",))):
        assert "src/app.py" in printed(many(2), OPTIONS._replace(shown=wanted))
    for wanted in (ShownFindings(rules=("aws.*",)), ShownFindings(paths=("sr",)), ShownFindings(live=True)):
        assert "src/app.py" not in printed(many(2), OPTIONS._replace(shown=wanted))
    old = one(at("old.py", kind="unreachable", object_id="1" * 40))
    assert "old.py" not in printed(old, OPTIONS._replace(shown=ShownFindings(reachable=True)))
    assert "old.py" not in printed(old, OPTIONS._replace(shown=ShownFindings(tip=True)))


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
