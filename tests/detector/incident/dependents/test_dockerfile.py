"""The entries of Dockerfile, Dockerfile.*, Dockerfile-* and similar files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

DOCKER = """# syntax=docker/dockerfile:1
ARG VERSION=18.2.0
ARG BASE=docker.io/library/inner:${VERSION}-alpine
FROM --platform=linux/amd64 $BASE AS build
FROM build AS again
FROM ghcr.io/x/other:${UNSET:-main}
COPY --from=inner:3 /a /b
COPY --from=build /a /b
RUN echo \\
  FROM nothing
"""

CASES: list[Case] = [
    ("docker/inner", {"Dockerfile": DOCKER}, [simple("18.2.0-alpine", direct=True), simple("3", direct=True)]),
    ("docker/x/other?repository_url=ghcr.io", {"web.dockerfile": DOCKER}, [simple("main", direct=True)]),
    ("docker/build", {"Dockerfile": DOCKER}, []),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
