"""The metrics are what Prometheus reads, and name nothing of a repository."""

import re
import shutil
import subprocess

import pytest

from detector.fleet.overview import Overview
from detector.fleet.reports.prometheus import render
from tests.golden.sweep.sample import OVERVIEW

EMPTY = Overview("", {}, {"repositories": 0, "states": {}, "unresolved": {}, "overdue": 0}, (), (), (), (), (), ())
LINE = re.compile(r'leakfirst_sweep_[a-z_]+(?:\{[a-z]+="[a-z_-]+"\})? \d+\Z')


def test_every_line_is_a_metric_or_a_comment():
    lines = "".join(render(OVERVIEW, include_open=True)).splitlines()
    assert all(line.startswith(("# HELP ", "# TYPE ")) or LINE.match(line) for line in lines)
    assert 'leakfirst_sweep_gaps{which="failing"} 2' in lines
    assert 'leakfirst_sweep_coverage{what="lost"} 1' in lines
    assert "leakfirst_sweep_overdue_findings 2" in lines
    assert "leakfirst_sweep_end_timestamp_seconds 1769915045" in lines
    assert "acme" not in "".join(lines)


def test_each_metric_is_described_once():
    lines = "".join(render(OVERVIEW, include_open=True)).splitlines()
    described = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(described) == len(set(described))
    assert {re.split(r"[ {]", line)[0] for line in lines if not line.startswith("#")} == set(described)


@pytest.mark.parametrize("overview", [OVERVIEW, EMPTY], ids=["full", "empty"])
def test_promtool_accepts_them(overview):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not there")
    text = "".join(render(overview, include_open=False))
    subprocess.run([promtool, "check", "metrics"], input=text, text=True, check=True)
