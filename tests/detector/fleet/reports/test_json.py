"""The report as JSON."""

import json

import pytest

from tests.golden.sweep.render import check_golden, render
from tests.golden.sweep.sample import FINDINGS


@pytest.mark.parametrize(("file", "include_open"), [("report.json", True), ("status.json", False)])
def test_it_equals_its_golden_file(file: str, include_open: bool, request: pytest.FixtureRequest) -> None:
    check_golden("json", file, include_open, request)


def test_it_has_every_field_and_a_status_leaves_out_the_open_findings() -> None:
    document = json.loads(render("json"))
    assert document["schema"] == "leakfirst/sweep/1"
    assert document["findings"][0] == FINDINGS[0]._asdict()
    assert document["changes"][0]["finding"]["fingerprint"] == FINDINGS[0].fingerprint
    assert "findings" not in json.loads(render("json", include_open=False))
