"""Render the sample overview and compare it with a golden file."""

from pathlib import Path

import pytest

from detector.fleet.overview import Overview
from detector.fleet.reports import load_report
from tests.golden.sweep.sample import OVERVIEW

FOLDER = Path(__file__).parent


def render(format_: str, overview: Overview = OVERVIEW, include_open: bool = True) -> str:
    return "".join(load_report(format_).render(overview, include_open))


def check_golden(format_: str, file: str, include_open: bool, request: pytest.FixtureRequest) -> None:
    printed = render(format_, include_open=include_open).encode()
    if request.config.getoption("--update-golden"):
        (FOLDER / file).write_bytes(printed)
    assert (FOLDER / file).read_bytes() == printed
