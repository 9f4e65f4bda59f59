"""Suggest the name that somebody meant who misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a question about the most similar of the *known* names, or all of them if none is similar.

    >>> suggest("serverity", ["id", "severity"])
    "did you mean 'severity'?"
    >>> suggest("x", ["severity", "id"])
    'known: id, severity'
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
