"""Requirements of Python projects."""

import pytest
from packaging.requirements import Requirement

from detector.incident.dependents._python import list_requirements, make_entry, parse_requirement


@pytest.mark.parametrize("text", ["a", "a>=1", "Zope.Interface[x] ~= 1.4 ; python_version < '3.9'", "a-b==1.*, !=1.3"])
def test_a_requirement_is_parsed_as_packaging_does(text: str) -> None:
    name, constraint = parse_requirement(text)
    theirs = Requirement(text)
    assert name == theirs.name
    assert {part.replace(" ", "") for part in constraint.split(",") if part} == {str(part) for part in theirs.specifier}


@pytest.mark.parametrize("text", ["./local", "-r other.txt", "https://h.test/x.tar.gz", "", "# comment"])
def test_what_is_not_a_requirement_has_no_name(text: str) -> None:
    assert parse_requirement(text)[0] == ""


def test_only_an_exact_pin_is_a_version() -> None:
    assert make_entry("a", "==1.0").version == make_entry("a", "=== 1.0").version == "1.0"
    assert make_entry("a", "==1.*").version == make_entry("a", ">=1.0").version == ""


def test_malformed_tables_are_skipped() -> None:
    assert list_requirements({"project": [], "tool": {"poetry": {"dependencies": "x"}, "uv": 1}}) == []
