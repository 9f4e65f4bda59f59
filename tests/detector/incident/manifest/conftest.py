from pathlib import Path

import pytest

from tests.detector.incident.manifest.making import make_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path)
