from __future__ import annotations

import io
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from jsonschema.validators import Draft202012Validator

from detector.errors import UsageError
from detector.model import Scan
from detector.reports._document import SCHEMA, build_document, parse_document
from detector.reports._options import ReportOptions
from detector.reports.json import write
from detector.reports.jsonl import write as write_lines
from tests.golden.sample import HOSTILE_PATH, OPTIONS, PEM, TOKEN, empty, scan

PUBLISHED = json.loads(files("detector.reports").joinpath("findings-1.schema.json").read_text())
LOUD = OPTIONS._replace(show_ignored=True, show_secrets=True)


def closed(schema: Any) -> Any:
    """Return *schema* with every object closed: what we write must all be described."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        shut["additionalProperties"] = False
    return shut


def printed(found: Scan, options: ReportOptions) -> str:
    out = io.StringIO()
    write(found, out, options)
    return out.getvalue()


@pytest.mark.parametrize("options", [OPTIONS, LOUD])
@pytest.mark.parametrize("found", [scan(), empty(), empty(complete=False)])
def test_the_document_is_what_the_schema_says(found: Scan, options: ReportOptions) -> None:
    Draft202012Validator.check_schema(PUBLISHED)
    report = json.loads(printed(found, options))
    jsonschema.validate(report, closed(PUBLISHED))
    assert report == build_document(found, options)
    assert parse_document(printed(found, options), "x") == report


def test_the_output_is_ascii_and_one_finding_stands_on_one_line() -> None:
    text = printed(scan(), OPTIONS)
    assert text.isascii()
    assert sum('"fingerprint"' in line for line in text.splitlines()) == 5


def test_a_path_that_is_not_utf8_keeps_its_bytes() -> None:
    import base64

    report = json.loads(printed(scan(), OPTIONS))
    paths = [place["path_base64"] for one in report["findings"] for place in one["locations"] if "path_base64" in place]
    assert [base64.b64decode(path).decode("utf-8", "surrogateescape") for path in paths] == [HOSTILE_PATH] * 2


def test_secrets_are_shown_whole() -> None:
    import base64

    findings = json.loads(printed(scan(), LOUD))["findings"]
    assert findings[0]["secret"] == TOKEN.reveal().decode()
    assert base64.b64decode(findings[2]["secret_base64"]) == PEM.reveal()


def test_lines_are_a_header_the_findings_and_a_summary() -> None:
    out = io.StringIO()
    write_lines(scan(), out, LOUD)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["kind"] for line in lines] == ["header", *["finding"] * 5, "ignored", "rejected", "summary"]
    assert lines[0]["schema"] == SCHEMA
    assert lines[-1]["complete"] is False
    for line in lines[1:6]:
        del line["kind"]
        jsonschema.validate(line, {**PUBLISHED["$defs"]["finding"], "$defs": PUBLISHED["$defs"]})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a leakfirst/findings/1 report"),
        ('{"schema": "other"}', "not a leakfirst/findings/1 report"),
        (json.dumps({**build_document(empty(), OPTIONS), "stats": 3}), "stats is not an object"),
        (json.dumps({**build_document(empty(), OPTIONS), "findings": {}}), "findings is not a list"),
        (json.dumps({**build_document(empty(), OPTIONS), "findings": [{}]}), r"findings\[0\].fingerprint is missing"),
        (json.dumps({**build_document(empty(), OPTIONS), "complete": "no"}), "complete is missing or not of type bool"),
    ],
)
def test_a_damaged_report_is_one_clear_line(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        parse_document(text, "leaks.json")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("leaks.json ")
