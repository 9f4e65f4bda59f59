"""What a worker is asked to do with a share, and the messages that it sends back."""

from __future__ import annotations

from typing import NamedTuple

from detector.model import Origin, RejectedCandidate, Sighting, Skipped


class ExamineOptions(NamedTuple):
    """What is asked of a worker besides sightings.

    `patterns` are those of allow-lists that need the line of a hit
    (`Policy.line_patterns`), `changed_rules` the ids of the rules that changed
    since the last scan with the same state.
    """

    keep_rejected: bool = False
    patterns: tuple[str, ...] = ()
    changed_rules: frozenset[str] = frozenset()


class ShareProgress(NamedTuple):
    """Work done since the last message."""

    bytes: int
    blobs: int

    def plus(self, other: ShareProgress) -> ShareProgress:
        """Add up."""
        return ShareProgress(self.bytes + other.bytes, self.blobs + other.blobs)


class Rejection(NamedTuple):
    """A candidate that no rule accepted, and where it came from; for ``--show-ignored``."""

    origin: Origin
    candidate: RejectedCandidate


class UnusedMark(NamedTuple):
    """An inline mark in a current file that ignores nothing."""

    origin: Origin
    line: int
    text: str


Message = Sighting | Skipped | ShareProgress | Rejection | UnusedMark
