"""Which probe serves a rule: the rule's own ``probe`` table, else a module of `detector/probes/`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import cast

from detector.model import Rule
from detector.probes.core import declarative
from detector.probes.core.contract import Probe, ProbeModule
from detector.registry import check_contract, list_names, load_plugin

PACKAGE = "detector.probes"


def list_probes() -> tuple[str, ...]:
    """List the probe modules by their public names."""
    return list_names(PACKAGE)


@cache
def load_probe(name: str) -> ProbeModule:
    """Import the probe *name*. Raises `UsageError` if it does not fulfil `ProbeModule`."""
    module = load_plugin(PACKAGE, name, what="probe")
    check_contract(module, ProbeModule, "probe")
    return cast(ProbeModule, module)


def find_probe(rule: Rule) -> Probe | None:
    """Return the probe for credentials of *rule*, or None."""
    if rule.probe:
        return declarative
    for glob, name in _list_globs():
        if fnmatchcase(rule.id, glob):
            return load_probe(name)
    return None


@cache
def _list_globs() -> tuple[tuple[str, str], ...]:
    """List ``(rule glob, probe name)`` of every probe module."""
    return tuple((glob, name) for name in list_probes() for glob in load_probe(name).SERVES)
