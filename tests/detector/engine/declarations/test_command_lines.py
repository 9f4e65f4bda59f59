"""Passwords behind options."""

from __future__ import annotations

import pytest

from tests.detector.engine.declarations.reading import VALUE, read_values

FORMS = [
    ("a.sh", "tool --db-password {V}"),
    ("a.sh", "docker login -u ci -p {V} registry.example.test"),
    ("a.sh", "ldapsearch -x -D cn=admin -w {V} -b dc=x"),
    ("a.sh", "zip -r -P {V} out.zip in"),
    ("a.sh", "7z a -p{V} out.7z in"),
    ("a.sh", "curl -u {V}: https://api.example.test"),
    ("a.sh", "curl -u :{V} https://api.example.test"),
    ("a.sh", 'curl --user ":{V}" https://api.example.test'),
    ("a.sh", "http -a :{V} GET api.example.test"),
    ("a.sh", "redis-cli -h cache -a {V} ping"),
    ("a.sh", "smbclient //srv/share -U user%{V}"),
    ("a.sh", "htpasswd -b -c file admin {V}"),
    ("a.sh", "echo {V} | docker login -u ci --password-stdin"),
    ("a.sh", "mysql -h db -uapp -p{V} shop"),
    ("a.sh", 'curl -H "X-Api-Key: {V}" https://api.example.test'),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_it_reads_the_value_exactly(name: str, form: str) -> None:
    assert VALUE.encode() in read_values(name, form.format(V=VALUE).encode())
