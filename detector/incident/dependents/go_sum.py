"""go.sum: the modules that were downloaded and are not named in the go.mod beside it."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._go import parse_go_mod

FILES = ("go.sum", "go.work.sum")
LOCKS = False


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the modules that go.mod does not name.

    Since Go 1.17, go.mod names all modules that are built. The others were downloaded only
    to resolve versions, or are needed by the tests of dependencies.
    """
    named: set[str] = set()
    try:
        sibling = file.read_sibling("go.mod")
        if sibling is not None:
            module = parse_go_mod(sibling)
            named = {path for path, _, _ in module.requires} | {path for path, _ in module.replaces}
    except UnreadableFile:
        pass
    malformed = 0
    for line in _safe_parsers.decode_text(file.data).splitlines():
        words = line.split()
        if len(words) != 3:
            malformed += bool(words)
            continue
        name, version, _ = words
        if not version.endswith("/go.mod") and name not in named and is_wanted("golang", name):
            yield DependencyEntry(
                "golang", name, constraint=version, direct=False, note="downloaded, perhaps not built"
            )
    if malformed:
        raise UnreadableFile(f"is not a go.sum: {malformed} lines do not have three fields")
