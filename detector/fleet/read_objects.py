"""Which objects have to be read, by what was read under the current rules and under the previous ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from detector.fleet.object_ids import as_rows
from detector.fleet.state.known import KnownObjects
from detector.fleet.tasks import ShareResult
from detector.git.packs import ByteArray, find_rows, sort_ids

if TYPE_CHECKING:
    from detector.fleet.state.store import State


class Selection(NamedTuple):
    """The objects of a repository: `known` need not be read.

    Of the `unread` ones, the `older` were read under the previous rules: only the changed rules are applied to them.
    """

    known: ByteArray
    unread: ByteArray
    older: ByteArray


class ReadObjects:
    """The objects that were read and contain no finding, in whatever repository."""

    def __init__(self, state: State, rules: Mapping[str, str]) -> None:
        self.ruleset = state.save_ruleset(rules)
        self.changed_rules: frozenset[str] = frozenset()
        self._state = state
        self._current = KnownObjects(state, self.ruleset)
        self._previous: KnownObjects | None = None
        if previous := state.find_previous_ruleset(self.ruleset):
            number, digests = previous
            self._previous = KnownObjects(state, number)
            self.changed_rules = frozenset(name for name, digest in rules.items() if digests.get(name) != digest)

    def select(self, ids: ByteArray, flagged: ByteArray) -> Selection:
        """Divide *ids*; the *flagged* among them are read separately and count as known."""
        known = self._current.find_known(ids) | (find_rows(flagged, ids) >= 0)
        unread = ids[~known]
        older = unread[:0] if self._previous is None else unread[self._previous.find_known(unread)]
        return Selection(ids[known], unread, older)

    def add(self, result: ShareResult) -> None:
        """Remember the objects that were read without a finding."""
        self._current.add(sort_ids(as_rows(result.clean, result.id_bytes)))

    def forget_previous(self) -> None:
        """Forget what was read under other rules."""
        if self._previous is not None:
            self._state.delete_other_rulesets(self.ruleset)
