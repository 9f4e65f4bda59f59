"""pre-commit: the repositories of hooks, and their additional dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._images import make_revision_entry
from detector.incident.dependents._names import Ecosystem
from detector.incident.dependents._python import make_entry, parse_requirement
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

FILES = (".pre-commit-config.yaml", ".pre-commit-config.yml")
LOCKS = False

_HOSTS: dict[str, Ecosystem] = {"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket"}
_URL = re.compile(r"(?:\w+://)?(?:[^@/]*@)?([\w.-]+)[/:](.+?)(?:\.git)?/?")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the repositories of hooks, and the additional dependencies of each hook."""
    whole = as_mapping(_safe_parsers.parse_yaml(file.data))
    for repository in map(as_mapping, as_list(whole.get("repos"))):
        url = _URL.fullmatch(as_text(repository.get("repo")))
        if url:
            kind = _HOSTS.get(url[1].lower(), "git")
            name = url[2] if kind != "git" else f"{url[1]}/{url[2]}"
            if is_wanted(kind, name):
                yield make_revision_entry(kind, name, as_text(repository.get("rev")))
        for hook in map(as_mapping, as_list(repository.get("hooks"))):
            for text in map(as_text, as_list(hook.get("additional_dependencies"))):
                yield from _list_additional(text, f"hook {as_text(hook.get('id'))}", is_wanted)


def _list_additional(text: str, note: str, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Read ``name==1.0`` as a Python package, ``name@1.0`` as an npm package and a path as a Go module."""
    at = text.find("@", 1)
    name, version = (text[:at], text[at + 1 :]) if at > 0 and " " not in text[:at] else (text, "")
    if "/" in name and not name.startswith("@"):
        if is_wanted("golang", name):
            yield DependencyEntry("golang", name, version=version, direct=True, note=note)
        return
    if (at > 0 or name.startswith("@")) and is_wanted("npm", name):
        yield DependencyEntry("npm", name, constraint=version, direct=True, note=note)
    python, constraint = parse_requirement(text)
    if at < 0 and python and is_wanted("pypi", python):
        yield make_entry(python, constraint, direct=True, note=note)
