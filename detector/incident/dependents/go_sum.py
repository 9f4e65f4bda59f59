"""go.sum: the modules whose code was fetched, where no go.mod beside it says which of them are used."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents.go_mod import parse

FILES = ("go.sum", "go.work.sum")
LOCKS = False


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the modules that go.mod does not name: those it names are told by it.

    From Go 1.17 on go.mod names all that is built, so what is left was looked at
    on the way, or is needed by the tests of others.
    """
    named: set[str] = set()
    try:
        beside = file.beside("go.mod")
        if beside is not None:
            module = parse(beside)
            named = {path for path, _, _ in module.requires} | {path for path, _ in module.replaces}
    except Unreadable:
        pass
    odd = 0
    for line in _safe_parsers.text(file.data).splitlines():
        words = line.split()
        if len(words) != 3:
            odd += bool(words)
            continue
        name, version, _ = words
        if not version.endswith("/go.mod") and name not in named and wanted("golang", name):
            yield Entry("golang", name, constraint=version, direct=False, note="fetched, perhaps not built")
    if odd:
        raise Unreadable(f"is not a go.sum: {odd} lines have other than three words")
