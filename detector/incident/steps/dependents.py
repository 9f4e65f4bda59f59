"""Step dependents: find the repositories that depend on the compromised package, and sweep them again."""

from __future__ import annotations

from detector.incident.context import Context
from detector.incident.model import LineKind, Note, Step, StepState
from detector.incident.spread import ClonedRepository, SweptRepository
from detector.incident.steps.spread import record_locations
from detector.model import Skipped


def find_dependents(context: Context) -> None:
    """Record every file that depends on the package, and sweep its repository again."""
    if not context.incident.exposure.package:
        context.record_step(Step.DEPENDENTS, StepState.DONE, "the leaked material is not a package")
        return
    unread: set[str] = set()
    repositories: dict[str, ClonedRepository] = {}
    for repository in context.tools.fleet.list_repositories():
        if isinstance(repository, Skipped):
            unread.add(context.record_skipped(repository))
        else:
            repositories[repository.path] = repository
    notes: list[Note] = []
    keys = set()
    for repository in repositories.values():
        found = _search(context, repository, unread)
        notes += found
        keys.update([repository.key] if found else [])
    context.ledger.add_all(notes)
    unread |= _sweep_again(context, keys)
    record_locations(context)
    context.record_search(Step.DEPENDENTS, unread)


def _search(context: Context, repository: ClonedRepository, unread: set[str]) -> list[Note]:
    """Return a note for each dependent file of *repository*; add what cannot be read to *unread*."""
    from detector.incident.dependents import parse_package, search

    wanted = parse_package(context.incident.exposure.package)
    notes = []
    for found in search([repository.path], wanted):
        if isinstance(found, Skipped):
            unread.add(context.record_skipped(found, f"{repository.name}: {found.where}"))
            continue
        facts = {
            "repository": repository.name,
            "path": found.path,
            "version": found.version or found.constraint,
            "direct": found.direct,
            "via": list(found.via),
            "match": found.match,
            "commit": found.commit,
        }
        notes.append(Note(LineKind.DEPENDENT, f"{repository.name}:{found.path}", facts))
    return notes


def _sweep_again(context: Context, keys: set[str]) -> set[str]:
    """Sweep *keys*, except those whose refs this incident has swept before; return what could not be read.

    A repository that could not be read has no refs.
    """
    unread: set[str] = set()
    if not keys:
        return unread
    before = {name: str(row["refs"]) for name, row in context.incident.scanned.items()}
    for found in context.tools.fleet.sweep(keys, before):
        if isinstance(found, SweptRepository):
            if found.key in keys and found.refs:
                facts = {"refs": found.refs, "findings": found.findings, "complete": found.complete}
                context.ledger.add(LineKind.SCANNED, found.name, **facts)
        else:
            unread.add(context.record_skipped(found))
    return unread
