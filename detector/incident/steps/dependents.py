"""Step dependents: find the repositories that depend on the compromised package, and sweep them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.incident.context import Context
from detector.incident.model import LineKind, Note, Step, StepState
from detector.incident.spread import ClonedRepository, SweptRepository
from detector.incident.steps.spread import record_locations
from detector.model import Skipped

if TYPE_CHECKING:
    from detector.incident.dependents import Package

BATCH = 200
"""Repositories after which the progress is recorded: a search that is killed goes on there."""


def find_dependents(context: Context) -> None:
    """Record every file that depends on the package, and sweep its repository again."""
    if not context.incident.exposure.package:
        context.record_step(Step.DEPENDENTS, StepState.DONE, "the leaked material is not a package")
        return
    from detector.incident.dependents import parse_package

    unread: set[str] = set()
    searched = context.ledger.load_searched()
    keys = {str(one["repository"]): "" for one in context.incident.dependents}
    notes: list[Note] = []
    done: dict[str, str] = {}
    paths: set[str] = set()
    wanted = parse_package(context.incident.exposure.package)
    for repository in context.tools.fleet.list_repositories():
        if isinstance(repository, Skipped):
            unread.add(context.record_skipped(repository))
            continue
        if repository.path in paths:
            continue
        paths.add(repository.path)
        if repository.name in keys:
            keys[repository.name] = repository.key
        if repository.refs and searched.get(repository.key) == repository.refs:
            continue
        missing: set[str] = set()
        found = _search(context, repository, wanted, missing)
        notes += found
        if found:
            keys[repository.name] = repository.key
        if not missing:
            done[repository.key] = repository.refs
        unread |= missing
        if len(done) >= BATCH:
            _record(context, notes, done)
    _record(context, notes, done)
    unread |= _sweep_again(context, {key for key in keys.values() if key})
    record_locations(context)
    context.record_search(Step.DEPENDENTS, unread)


def _record(context: Context, notes: list[Note], done: dict[str, str]) -> None:
    """Record what was found, and then which repositories need not be searched again; empty both."""
    context.ledger.add_all(notes)
    context.ledger.record_searched(done)
    notes.clear()
    done.clear()


def _search(context: Context, repository: ClonedRepository, wanted: Package, unread: set[str]) -> list[Note]:
    """Return a note for each dependent file of *repository*; add what cannot be read to *unread*."""
    from detector.incident.dependents import search

    notes = []
    for found in search([repository.path], wanted):
        if isinstance(found, Skipped):
            where = context.record_skipped(found, f"{repository.name}: {found.where}")
            unread.update([where] if where else [])
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
