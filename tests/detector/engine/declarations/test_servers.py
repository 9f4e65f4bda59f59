"""Credentials in URLs, headers and statements."""

from __future__ import annotations

import pytest

from tests.detector.engine.declarations.reading import VALUE, read_values

FORMS = [
    ("a.sql", "CREATE USER ops IDENTIFIED BY '{V}';"),
    ("a.py", '{{"Authorization": "Bearer {V}"}}'),
    ("a.txt", "postgres://app:{V}@db.example.test/shop"),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_it_reads_the_value_exactly(name: str, form: str) -> None:
    assert VALUE.encode() in read_values(name, form.format(V=VALUE).encode())
