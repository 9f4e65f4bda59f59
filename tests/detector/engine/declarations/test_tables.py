"""Columns that hold credentials."""

from __future__ import annotations

import pytest

from tests.detector.engine.declarations.reading import VALUE, read_values

FORMS = [
    ("a.csv", "host,user,password\ndb1,ops,{V}"),
    ("a.csv", "user;password;note\nops;{V};x"),
    ("a.md", "| user | password |\n|------|----------|\n| ops | `{V}` |"),
    ("a.sql", "INSERT INTO users (login, password, age) VALUES ('ops', '{V}', 3);"),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_it_reads_the_value_exactly(name: str, form: str) -> None:
    assert VALUE.encode() in read_values(name, form.format(V=VALUE).encode())
