"""The entries of pom.xml, *.pom."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries

POM = """<?xml version="1.0"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <parent><groupId>org.example</groupId><artifactId>parent</artifactId><version>1</version></parent>
  <artifactId>child</artifactId>
  <properties><inner.version>${base.version}.1</inner.version></properties>
  <dependencies>
    <dependency><groupId>org.x</groupId><artifactId>inner</artifactId><version>${inner.version}</version></dependency>
    <dependency><groupId>org.x</groupId><artifactId>managed</artifactId></dependency>
    <dependency><groupId>org.x</groupId><artifactId>elsewhere</artifactId></dependency>
  </dependencies>
</project>
"""
PARENT = """<project>
  <groupId>org.example</groupId><artifactId>parent</artifactId><version>1</version>
  <properties><base.version>2.0</base.version></properties>
  <dependencyManagement><dependencies>
    <dependency><groupId>org.x</groupId><artifactId>managed</artifactId><version>[1.0,2.0)</version></dependency>
  </dependencies></dependencyManagement>
</project>
"""

CASES: list[Case] = [
    ("maven/org.x/inner", {"sub/pom.xml": POM, "pom.xml": PARENT}, [("sub/pom.xml", "2.0.1", True, ())]),
    ("maven/org.x/managed", {"sub/pom.xml": POM, "pom.xml": PARENT}, [("sub/pom.xml", "[1.0,2.0)", True, ())]),
    ("maven/org.x/elsewhere", {"sub/pom.xml": POM}, [("sub/pom.xml", "(managed elsewhere)", True, ())]),
    ("maven/org.example/parent", {"sub/pom.xml": POM}, [("sub/pom.xml", "1", True, ())]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
