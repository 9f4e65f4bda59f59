"""Every output format prints what its golden file says.

Refresh with ``pytest tests/golden --update-golden`` and read the difference.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from detector.registry import list_names, load_plugin
from tests.golden.sample import OPTIONS, empty, scan

FORMATS = list_names("detector.reports")
HERE = Path(__file__).parent
SUFFIX = {"text": "txt", "github": "txt", "junit": "xml", "gitlab": "json", "sarif": "json", "markdown": "md"}
VARIANTS = {
    "": (scan, OPTIONS),
    "-all": (scan, OPTIONS._replace(show_ignored=True, explain=True, verbose=1, width=160)),
    "-empty": (empty, OPTIONS),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", FORMATS)
def test_output_is_as_recorded(
    name: str, variant: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    make, options = VARIANTS[variant]
    out = io.StringIO()
    load_plugin("detector.reports", name, what="format").write(make(), out, options)
    text = out.getvalue()
    if name == "html":  # style and script stand in their own files; their digests stay
        text = re.sub(r"<(style|script)>.*?</\1>", r"<\1></\1>", text, flags=re.DOTALL)
    file = HERE / f"{name}{variant}.{SUFFIX.get(name, name)}"
    if request.config.getoption("--update-golden"):
        file.write_bytes(text.encode())
    assert text.encode() == file.read_bytes()


def test_no_golden_file_is_left_over() -> None:
    kept = {f"{name}{variant}.{SUFFIX.get(name, name)}" for name in FORMATS for variant in VARIANTS}
    found = {file.name for file in HERE.iterdir() if file.is_file() and file.suffix != ".py"}
    assert found == kept
    assert len(kept) >= 30
