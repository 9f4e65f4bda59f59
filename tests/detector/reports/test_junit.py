from __future__ import annotations

import io
import xml.etree.ElementTree as ET

from detector.model import Scan
from detector.reports._options import ReportOptions
from detector.reports.junit import write
from tests.golden.sample import OPTIONS, empty, scan


def suite(found: Scan, options: ReportOptions = OPTIONS) -> ET.Element:
    out = io.StringIO()
    write(found, out, options)
    root = ET.fromstring(out.getvalue().encode("ascii"))
    (only,) = root
    assert only.attrib == root.attrib
    return only


def test_counts_are_those_of_the_cases() -> None:
    only = suite(scan(), OPTIONS._replace(show_ignored=True))
    for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert len(only.findall(f"testcase/{kind}")) == int(only.attrib[name]) > 0
    assert len(only.findall("testcase")) == int(only.attrib["tests"])


def test_a_finding_names_its_file_and_all_places() -> None:
    case = suite(scan()).find("testcase")
    assert case is not None
    assert case.attrib["file"] == "config/production/settings.py"
    assert case.attrib["line"] == "20"
    assert "config/settings.py:12:17  5555555555 2019-04-05 Ada" in (case.findtext("failure") or "")


def test_a_clean_scan_is_a_passed_test_and_an_incomplete_one_is_not() -> None:
    assert [case.attrib["name"] for case in suite(empty())] == ["no credentials found"]
    assert not list(suite(empty(complete=False)))


def test_an_interrupted_scan_is_an_error() -> None:
    only = suite(empty(complete=False)._replace(interrupted=True))
    assert only.attrib["errors"] == "1"
