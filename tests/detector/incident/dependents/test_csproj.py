"""The entries of *.csproj, *.fsproj, *.vbproj and similar files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

CSPROJ = """<Project Sdk="x">
  <PropertyGroup><V>2.0.0</V></PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Inner" Version="$(V)" />
    <PackageReference Include="Central" />
    <PackageReference Include="Ranged"><Version>[1.0,2.0)</Version></PackageReference>
  </ItemGroup>
</Project>
"""
CENTRAL = '<Project><ItemGroup><PackageVersion Include="central" Version="3.0.0" /></ItemGroup></Project>'

CASES: list[Case] = [
    ("nuget/inner", {"a/x.csproj": CSPROJ}, [("a/x.csproj", "2.0.0", True, ())]),
    (
        "nuget/central",
        {"a/x.csproj": CSPROJ, "Directory.Packages.props": CENTRAL},
        [("a/x.csproj", "3.0.0", True, ())],
    ),
    ("nuget/ranged", {"x.fsproj": CSPROJ}, [simple("[1.0,2.0)", direct=True)]),
    (
        "nuget/inner",
        {"packages.config": '<packages><package id="Inner" version="1.0.0" /></packages>'},
        [simple("1.0.0", direct=True)],
    ),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
