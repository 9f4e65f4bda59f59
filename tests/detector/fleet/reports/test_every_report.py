"""Every format of the sweep's report, compared with a golden file and with hostile list_names."""

import html
import json
from pathlib import Path

import pytest

from detector.fleet.overview import Overview
from detector.fleet.reports import load_report
from detector.registry import list_names
from tests.golden.sweep.sample import FINDINGS, OVERVIEW

GOLDEN = Path(__file__).parents[3] / "golden" / "sweep"
FORMATS = list_names("detector.fleet.reports")
SUFFIXES = {"text": "txt", "markdown": "md", "html": "html", "json": "json"}
EMPTY = Overview("", {}, {"repositories": 0, "states": {}, "unresolved": {}, "overdue": 0}, (), (), (), (), (), ())


def render(format_: str, overview: Overview = OVERVIEW, include_open: bool = True) -> str:
    return "".join(load_report(format_).render(overview, include_open))


@pytest.mark.parametrize("include_open", [True, False])
@pytest.mark.parametrize("format_", FORMATS)
def test_it_equals_its_golden_file(format_: str, include_open: bool, request: pytest.FixtureRequest) -> None:
    file = GOLDEN / f"{'report' if include_open else 'status'}.{SUFFIXES[format_]}"
    printed = render(format_, include_open=include_open).encode()
    if request.config.getoption("--update-golden"):
        file.write_bytes(printed)
    assert file.read_bytes() == printed


@pytest.mark.parametrize("format_", FORMATS)
def test_a_fleet_that_was_never_swept_has_a_report(format_: str) -> None:
    assert render(format_, EMPTY)


@pytest.mark.parametrize("format_", FORMATS)
def test_names_from_a_repository_are_no_markup_and_no_terminal_codes(format_: str) -> None:
    printed = render(format_)
    assert "\x1b" not in printed
    if format_ == "html":
        assert "<i>" not in printed and "<u>" not in printed
    if format_ == "markdown":
        assert " @all" not in printed


def test_json_has_every_field_and_a_status_leaves_out_the_open_findings() -> None:
    document = json.loads(render("json"))
    assert document["schema"] == "leakfirst/sweep/1"
    assert document["findings"][0] == FINDINGS[0]._asdict()
    assert document["changes"][0]["finding"]["fingerprint"] == FINDINGS[0].fingerprint
    assert "findings" not in json.loads(render("json", include_open=False))


def test_the_page_loads_nothing() -> None:
    page = html.unescape(render("html"))
    assert "default-src 'none'" in page
    assert "<script" not in page and "src=" not in page
