"""pre-commit: the repositories that hooks come from, and the packages installed beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._images import revision
from detector.incident.dependents._python import entry, requirement
from detector.incident.dependents._safe_parsers import items, mapping, string

FILES = (".pre-commit-config.yaml", ".pre-commit-config.yml")
LOCKS = False

_HOSTS = {"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket"}
_URL = re.compile(r"(?:\w+://)?(?:[^@/]*@)?([\w.-]+)[/:](.+?)(?:\.git)?/?")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the repositories, then what their hooks need besides."""
    whole = mapping(_safe_parsers.yaml(file.data))
    for repository in map(mapping, items(whole.get("repos"))):
        url = _URL.fullmatch(string(repository.get("repo")))
        if url:
            kind = _HOSTS.get(url[1].lower(), "git")
            name = url[2] if kind != "git" else f"{url[1]}/{url[2]}"
            if wanted(kind, name):
                yield revision(kind, name, string(repository.get("rev")))
        for hook in map(mapping, items(repository.get("hooks"))):
            for text in map(string, items(hook.get("additional_dependencies"))):
                yield from _besides(text, f"for the hook {string(hook.get('id'))}", wanted)


def _besides(text: str, note: str, wanted: Wanted) -> Iterator[Entry]:
    """Read ``name==1.0`` as Python's, ``name@1.0`` as npm's and a path with dots as Go's."""
    at = text.find("@", 1)
    name, version = (text[:at], text[at + 1 :]) if at > 0 and " " not in text[:at] else (text, "")
    if "/" in name and not name.startswith("@"):
        if wanted("golang", name):
            yield Entry("golang", name, version=version, direct=True, note=note)
        return
    if (at > 0 or name.startswith("@")) and wanted("npm", name):
        yield Entry("npm", name, constraint=version, direct=True, note=note)
    python, constraint = requirement(text)
    if at < 0 and python and wanted("pypi", python):
        yield entry(python, constraint, direct=True, note=note)
