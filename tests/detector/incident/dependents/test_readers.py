"""Which paths are read, and what happens if a reader does not fulfil its contract."""

from types import ModuleType

import pytest

from detector import registry
from detector.errors import UsageError
from detector.incident.dependents._readers import PACKAGE, is_dependency_file, load_readers


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("package-lock.json", True),
        ("a/b/PACKAGE-LOCK.JSON", True),
        ("my-package-lock.json", False),
        (".github/workflows/ci.yml", True),
        ("workflows/ci.yml", False),
        ("requirements/dev.txt", True),
        ("requirements/sub/dev.txt", False),
        ("node_modules/x/package.json", False),
        ("lib/site-packages/setup.cfg", False),
    ],
)
def test_which_paths_are_read(path: str, expected: bool) -> None:
    assert is_dependency_file(path) is expected


def test_a_reader_without_read_is_a_usage_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ModuleType(f"{PACKAGE}.pip_lock")
    vars(broken).update(FILES="pip.lock", LOCKS=True, read=lambda file, is_wanted: iter(()))
    monkeypatch.setattr(registry, "load_plugin", lambda *_, **__: broken)
    load_readers.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"^reader 'pip-lock' does not fulfil .*: FILES is a str, not a tuple$"):
            load_readers()
    finally:
        load_readers.cache_clear()
