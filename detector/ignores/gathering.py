"""Gather one `Policy` from everything that may set findings aside in a repository.

Files are asked for by name through *reader*, so that a bare repository can
give them from a commit. Other tools' files are read as they are, from where
those tools look for them; the `read` list of our settings names more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from detector.errors import UsageError
from detector.fingerprint import project_key
from detector.ignores import baseline, own
from detector.ignores.policy import Allow, Known, Loaded, Policy
from detector.model import Origin

if TYPE_CHECKING:
    from detector.git.repository import Repository

Reader = Callable[[str], bytes | None]
"""Gives the content of a file below the root, or None where there is none."""

FOREIGN: tuple[tuple[tuple[str, ...], str], ...] = (
    ((".betterleaks.toml", ".gitleaks.toml"), "gitleaks-config"),
    ((".betterleaksignore", ".gitleaksignore"), "gitleaks-ignore"),
    ((".secrets.baseline",), "detect-secrets"),
    ((".gitguardian", ".gitguardian.yml", ".gitguardian.yaml"), "ggshield"),
    ((".github/secret_scanning.yml",), "github"),
)
"""Files that other tools find by themselves, and the format of each; of one line, the first that exists."""


def folder_reader(folder: str) -> Reader:
    """Return a reader of regular files below *folder*; links that lead out are not followed."""
    base = os.path.realpath(folder)

    def read(name: str) -> bytes | None:
        path = os.path.realpath(os.path.join(base, name))
        if os.path.commonpath((base, path)) != base or not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return file.read(MAX_FILE)

    return read


class HeadReader:
    """Reads the files of the tree of HEAD, where nothing is checked out; `given` is what it has given."""

    def __init__(self, repository: Repository, more: Sequence[str] = ()) -> None:
        """Read the files that may set findings aside, and *more* that the caller wants."""
        from detector.git.branch_heads import at_head

        self._repository = repository
        self._names = frozenset((*_names(), *more))
        self._files = at_head(repository, self._names)
        self.given: list[bytes] = []

    def __call__(self, name: str) -> bytes | None:
        """Return a file, or None."""
        if name not in self._names:
            from detector.git.branch_heads import at_head

            self._files |= at_head(self._repository, [name])
        found = self._files.get(name)
        if found is not None:
            self.given.append(found[:MAX_FILE])
        return found


NO_BASELINE = "none"
"""As the operator's baseline: none at all, not that of the repository either."""

MAX_FILE = 64 << 20
"""Bytes of an ignore file that are read."""


def gather(
    reader: Reader | None,
    *,
    operator: Mapping[str, Any] | None = None,
    baseline_file: str = "",
    today: str = "",
    relative: Callable[[Origin], str] = lambda origin: origin.path,
) -> Policy:
    """Return the policy for one root. Raises `UsageError` for what the *operator* got wrong.

    A mistake in a file that the repository carries stops nothing: the file is
    left out and a note says so, for what it would have hidden is then shown.
    """
    allows: list[Allow] = own.allows(operator or {}, "the configuration")
    known: list[Known] = []
    keys: list[bytes] = []
    notes: list[str] = []

    def take(name: str, loaded: Loaded, carried: bool) -> None:
        allows.extend(loaded.allows)
        known.extend(loaded.known)
        count = len(loaded.allows) + len(loaded.known)
        if carried and count:
            entries = "1 entry" if count == 1 else f"{count} entries"
            notes.append(f"{name} of the repository is in force ({entries})")
        notes.extend(f"{name}: {refused}" for refused in loaded.refused)

    def take_baseline(name: str, content: bytes, carried: bool) -> None:
        found = baseline.parse(content, name)
        keys.extend(found.keys)
        over = [entry for entry in found.entries if baseline.expired(entry, today)]
        notes.extend(f"{name}: the entry for {entry.path} ({entry.rule}) expired on {entry.expires}" for entry in over)
        take(name, Loaded(known=tuple(found.known(name, today))), carried)

    if baseline_file and baseline_file != NO_BASELINE:
        _operators_file(baseline_file, take, take_baseline)
    if reader is not None:
        for name, read in _carried(reader, skip_baseline=bool(baseline_file)):
            try:
                content = reader(name)
                if content is not None:
                    read(name, content, take, take_baseline)
            except (UsageError, OSError) as error:
                notes.append(f"ignores of the repository are left out: {error}")
            except Exception as problem:  # it may hold anything; what no reader expected is wrong, too
                notes.append(f"ignores of the repository are left out: {name}: {type(problem).__name__}")
    return Policy(allows, known, keys=(*keys, project_key()), notes=notes, today=today, relative=relative)


def _names() -> list[str]:
    """List every file that may set findings aside without being named."""
    return [baseline.NAME, own.IGNORE, own.SETTINGS, own.PYPROJECT, *(name for names, _ in FOREIGN for name in names)]


def _operators_file(named: str, take: Any, take_baseline: Any) -> None:
    kind, path = split(named)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    kind = kind or sniff(content, path)
    if kind == "leakfirst":
        take_baseline(path, content, False)
    else:
        take(path, parse(kind, content, path), False)


def _carried(reader: Reader, *, skip_baseline: bool) -> list[tuple[str, Any]]:
    """List the files of a repository that may set findings aside, with what reads each."""
    found: list[tuple[str, Any]] = []
    if not skip_baseline:
        found.append((baseline.NAME, lambda name, content, _take, take_baseline: take_baseline(name, content, True)))
    found.append((own.IGNORE, lambda name, content, take, _: take(name, own.ignore_file(content, name), True)))
    found += [(name, _settings(reader)) for name in (own.SETTINGS, own.PYPROJECT)]
    for names, kind in FOREIGN:
        present = next((name for name in names if _there(reader, name)), None)
        if present:
            found.append((present, _foreign(kind)))
    return found


def _there(reader: Reader, name: str) -> bool:
    try:
        return reader(name) is not None
    except OSError:
        return True  # whoever reads it says why that fails


def _settings(reader: Reader) -> Any:
    def read(name: str, content: bytes, take: Any, take_baseline: Any) -> None:
        if name == own.PYPROJECT and b"tool.leakfirst" not in content:
            return
        tables = own.settings_file(content, name)
        take(name, Loaded(tuple(own.allows(tables, name))), True)
        for more in _texts(tables.get("read", []), name):
            kind, path = split(more)
            listed = reader(path)
            if listed is None:
                raise UsageError(f"{name}: read: {path} is not there")
            kind = kind or sniff(listed, path)
            if kind == "leakfirst":
                take_baseline(path, listed, True)
            else:
                take(path, parse(kind, listed, path), True)

    return read


def _foreign(kind: str) -> Any:
    return lambda name, content, take, _: take(name, parse(kind, content, name), True)


def _texts(values: Any, name: str) -> Sequence[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UsageError(f"{name}: read is a list of FORMAT:FILE texts")
    return values


# -- formats -----------------------------------------------------------------


def parse(kind: str, content: bytes, name: str) -> Loaded:
    """Read a file of the format *kind*, a module here. Raises `UsageError`."""
    from detector.registry import load

    loaded: Loaded = load("detector.ignores.formats", kind, what="format of ignores").load(content, name)
    return loaded


def split(named: str) -> tuple[str, str]:
    """Take ``FORMAT:FILE`` apart; the format is "" where none is named."""
    from detector.registry import names

    kind, colon, path = named.partition(":")
    if colon and (kind == "leakfirst" or kind in names("detector.ignores.formats")):
        return kind, path
    return "", named


def sniff(content: bytes, path: str) -> str:
    """Tell the format of a file from its name and content. Raises `UsageError`."""
    name = os.path.basename(path)
    for names, kind in FOREIGN:
        if name in {os.path.basename(known) for known in names}:
            return kind
    head = content.lstrip()[:4096]
    if head.startswith(b"{") and b'"baseline"' in head.partition(b"\n")[0]:
        return "leakfirst"
    if head.startswith(b"{") and b'"results"' in content:
        return "detect-secrets"
    if head.startswith(b"["):
        return "gitleaks-report"
    if b"kingfisher-v1" in head or b"ExactFindings" in head:
        return "kingfisher"
    if name == "kingfisher.yaml":
        return "kingfisher-config"
    raise UsageError(f"{path}: is no baseline that leakfirst knows; write FORMAT:FILE, for example trufflehog:{path}")
