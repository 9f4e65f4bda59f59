"""The entries of requirements*.txt, *requirements.txt, requirements/*.txt and similar files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple

REQUIREMENTS = {
    "requirements.txt": "-r sub/base.txt\n-c limits.txt\nOther == 1.0 ; python_version > '3'  # why\n-e git+https://h.test/x.git#egg=edited\n",
    "sub/base.txt": "--hash=sha256:aa\n-r ../requirements.txt\nIn.ner[extra]>=2, \\\n  <3 --hash=sha256:bb\n",
    "limits.txt": "in_ner==2.5\nhint==1\n",
}
COMPILED = """flask==3.0
    # via -r requirements.in
jinja2==3.1
    # via flask
markupsafe==3.0  # via jinja2, werkzeug
werkzeug==3.1
    # via
    #   flask
    #   another (pyproject.toml)
"""

CASES: list[Case] = [
    ("pypi/in-ner", REQUIREMENTS, [("sub/base.txt", "2.5", True, ())]),
    ("pypi/other", REQUIREMENTS, [simple("1.0", direct=True)]),
    ("pypi/edited", REQUIREMENTS, [simple("git+https://h.test/x.git", direct=True)]),
    ("pypi/hint", REQUIREMENTS, [("limits.txt", "==1", None, ())]),
    ("pypi/markupsafe", {"requirements.txt": COMPILED}, [simple("3.0", "werkzeug@3.1")]),
    ("pypi/jinja2", {"requirements.txt": COMPILED}, [simple("3.1", "flask@3.0")]),
    ("pypi/werkzeug", {"requirements.txt": COMPILED}, [simple("3.1", direct=True)]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
