"""Name and value in separate fields of a record."""

from __future__ import annotations

import pytest

from tests.detector.engine.declarations.reading import VALUE, read_values

FORMS = [
    ("a.xml", "<password>{V}</password>"),
    ("a.xml", '<property name="db.password" value="{V}"/>'),
    ("a.xml", '<property value="{V}" name="db.password"/>'),
    ("a.xml", '<entry key="db.password">{V}</entry>'),
    ("a.xml", "<property>\n  <name>db.password</name>\n  <value>{V}</value>\n</property>"),
    ("a.plist", "<key>ApiSecret</key>\n<string>{V}</string>"),
    ("a.json", '{{"name": "DB_PASSWORD", "value": "{V}"}}'),
    ("a.json", '{{"value": "{V}", "name": "DB_PASSWORD"}}'),
    ("a.json", '{{"ParameterKey": "DbPassword", "ParameterValue": "{V}"}}'),
    ("a.json", '{{"db_password": {{"type": "string", "value": "{V}"}}}}'),
    ("a.json", '{{"apiKeys": ["{V}"]}}'),
    ("a.yml", "- name: DB_PASSWORD\n  value: {V}"),
    ("a.yml", "DbPassword:\n  Type: String\n  Default: {V}"),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_it_reads_the_value_exactly(name: str, form: str) -> None:
    assert VALUE.encode() in read_values(name, form.format(V=VALUE).encode())
