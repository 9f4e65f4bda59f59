"""Load everything that tells one root which findings to ignore, as one `IgnorePolicy`.

Files are read by name through a *reader*, so that a bare repository can return
them from a commit. Files of other tools are read unchanged, from where those tools
look for them; the `read` list of our own settings names more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from detector.errors import UsageError
from detector.fingerprint import load_project_key
from detector.ignores import allowlist, baseline
from detector.ignores.policy import AllowEntry, ExactEntry, IgnorePolicy, ParsedIgnores
from detector.model import Origin

if TYPE_CHECKING:
    from detector.git.repository import Repository

Reader = Callable[[str], bytes | None]
"""Returns the content of a file below the root, or None if there is none."""

OTHER_TOOLS: tuple[tuple[tuple[str, ...], str], ...] = (
    ((".betterleaks.toml", ".gitleaks.toml"), "gitleaks-config"),
    ((".betterleaksignore", ".gitleaksignore"), "gitleaks-ignore"),
    ((".secrets.baseline",), "detect-secrets"),
    ((".gitguardian", ".gitguardian.yml", ".gitguardian.yaml"), "ggshield"),
    ((".github/secret_scanning.yml",), "github"),
)
"""Files that other tools read by default, and their format; of each row the first file that exists is read."""

NO_BASELINE = "none"
"""As the operator's baseline: no baseline at all, not even that of the repository."""

MAX_FILE = 64 << 20
"""Bytes of an ignore file that are read."""


def make_folder_reader(folder: str) -> Reader:
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
    """Reads files from the tree of HEAD, for a repository without a working tree; `given` holds what it returned.

    With a *commit* it is that one: the base of a change, whose files count although the change has others.
    """

    def __init__(self, repository: Repository, more: Sequence[str] = (), commit: str = "") -> None:
        """Read all ignore files at once, and the files named in *more*."""
        from detector.git.branch_heads import read_files_at_head

        self._repository = repository
        self._commit = commit
        self._names = frozenset((*list_files(), *more))
        self._files = read_files_at_head(repository, self._names, commit)
        self.given: list[bytes] = []

    def __call__(self, name: str) -> bytes | None:
        """Return the content of a file, or None."""
        if name not in self._names:
            from detector.git.branch_heads import read_files_at_head

            self._files |= read_files_at_head(self._repository, [name], self._commit)
        found = self._files.get(name)
        if found is not None:
            self.given.append(found[:MAX_FILE])
        return found


def list_files() -> list[str]:
    """List every file that is read without being named."""
    ours = (baseline.NAME, allowlist.IGNORE_FILE, allowlist.SETTINGS_FILE, allowlist.PYPROJECT_FILE)
    return [*ours, *(name for names, _ in OTHER_TOOLS for name in names)]


def load_policy(
    reader: Reader | None,
    *,
    operator: Mapping[str, Any] | None = None,
    baseline_file: str = "",
    today: str = "",
    relative: Callable[[Origin], str] = lambda origin: origin.path,
    marks: bool = True,
    read_baseline: Reader | None = None,
) -> IgnorePolicy:
    """Return the policy of one root; without *marks* those in the content count for nothing.

    *read_baseline* is asked first for *baseline_file*, which may lie in what is judged: it
    returns what counts instead, empty if nothing does, or None if the file itself counts.

    Raises `UsageError` for a mistake of the *operator*.

    A mistake in a file of the repository does not stop the scan: that file is not
    applied, and a note says so.
    """
    loaded = _LoadedFiles(today)
    loaded.allowlist += allowlist.parse_allowlist(operator or {}, "the configuration")
    if baseline_file and baseline_file != NO_BASELINE:
        _load_operators_file(baseline_file, loaded, read_baseline)
    if reader is not None:
        _load_repository_files(reader, loaded, skip_baseline=bool(baseline_file))
    return IgnorePolicy(
        loaded.allowlist,
        loaded.exact,
        keys=(*loaded.keys, load_project_key()),
        notes=loaded.notes,
        today=today,
        relative=relative,
        marks=marks,
        not_in_force=loaded.not_in_force,
    )


class _LoadedFiles:
    """What all files together say. *today* is an ISO 8601 day."""

    def __init__(self, today: str) -> None:
        self.allowlist: list[AllowEntry] = []
        self.exact: list[ExactEntry] = []
        self.keys: list[bytes] = []
        self.notes: list[str] = []
        self.not_in_force: dict[str, tuple[str, ...]] = {}
        self._today = today

    def add(self, name: str, parsed: ParsedIgnores, *, of_repository: bool) -> None:
        """Add the entries of the file called *name*; a note names a file *of_repository*."""
        self.allowlist += parsed.allowlist
        self.exact += parsed.exact
        count = len(parsed.allowlist) + len(parsed.exact)
        if of_repository and count:
            entries = "1 entry" if count == 1 else f"{count} entries"
            self.notes.append(f"the repository's {name} is applied ({entries})")
        self.notes += [f"{name}: {rejected}" for rejected in parsed.rejected]
        if of_repository and parsed.rules:
            self.not_in_force[name] = parsed.rules

    def add_baseline(self, name: str, content: bytes, *, of_repository: bool) -> None:
        """Add the entries of the baseline called *name* that have not expired. Raises `UsageError`."""
        found = baseline.parse(content, name)
        self.keys += found.keys
        for entry in found.entries:
            if baseline.is_expired(entry, self._today):
                self.notes.append(f"{name}: the entry for {entry.path} ({entry.rule}) expired on {entry.expires}")
        parsed = ParsedIgnores(exact=tuple(found.make_exact_entries(name, self._today)))
        self.add(name, parsed, of_repository=of_repository)

    def add_content(self, kind: str, name: str, content: bytes, *, of_repository: bool) -> None:
        """Add a file of the format *kind*; "" means that its name and content tell. Raises `UsageError`."""
        kind = kind or detect_format(content, name)
        if kind == "leakfirst":
            self.add_baseline(name, content, of_repository=of_repository)
        else:
            self.add(name, parse_ignores(kind, content, name), of_repository=of_repository)


def _load_operators_file(named: str, loaded: _LoadedFiles, read_baseline: Reader | None) -> None:
    kind, path = split_format(named)
    content = read_baseline(path) if read_baseline else None
    if content == b"":
        loaded.notes.append(f"{path} comes with what is scanned and is not in the base, so it sets nothing aside")
        return
    if content is None:
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    loaded.add_content(kind, path, content, of_repository=False)


def _load_repository_files(reader: Reader, loaded: _LoadedFiles, *, skip_baseline: bool) -> None:
    for name, add in _find_repository_files(reader, loaded, skip_baseline=skip_baseline):
        try:
            content = reader(name)
            if content is not None:
                add(name, content)
        except (UsageError, OSError) as error:
            loaded.notes.append(f"the repository's ignores are not applied: {error}")
        except Exception as problem:  # the file may hold anything, also what its reader does not expect
            loaded.notes.append(f"the repository's ignores are not applied: {name}: {type(problem).__name__}")


def _find_repository_files(
    reader: Reader, loaded: _LoadedFiles, *, skip_baseline: bool
) -> Iterator[tuple[str, Callable[[str, bytes], None]]]:
    """Yield the ignore files that a repository may hold, each with what adds its content."""
    if not skip_baseline:
        yield baseline.NAME, partial(loaded.add_baseline, of_repository=True)
    yield allowlist.IGNORE_FILE, partial(_add_ignore_file, loaded)
    for name in (allowlist.SETTINGS_FILE, allowlist.PYPROJECT_FILE):
        yield name, partial(_add_settings, reader, loaded)
    for names, kind in OTHER_TOOLS:
        present = next((name for name in names if _exists(reader, name)), None)
        if present:
            yield present, partial(loaded.add_content, kind, of_repository=True)


def _exists(reader: Reader, name: str) -> bool:
    try:
        return reader(name) is not None
    except OSError:
        return True  # reading it again reports the error


def _add_ignore_file(loaded: _LoadedFiles, name: str, content: bytes) -> None:
    loaded.add(name, allowlist.parse_ignore_file(content, name), of_repository=True)


def _add_settings(reader: Reader, loaded: _LoadedFiles, name: str, content: bytes) -> None:
    if name == allowlist.PYPROJECT_FILE and b"tool.leakfirst" not in content:
        return
    tables = allowlist.parse_settings(content, name)
    unknown = tuple(f"{problem}; it has no effect" for problem in allowlist.list_unknown_settings(tables))
    parsed = ParsedIgnores(tuple(allowlist.parse_allowlist(tables, name)), rejected=unknown)
    loaded.add(name, parsed, of_repository=True)
    more = tables.get("read", [])
    if not isinstance(more, list) or not all(isinstance(named, str) for named in more):
        raise UsageError(f"{name}: read must be a list of texts FORMAT:FILE")
    for named in more:
        kind, path = split_format(named)
        listed = reader(path)
        if listed is None:
            raise UsageError(f"{name}: read: there is no file {path}")
        loaded.add_content(kind, path, listed, of_repository=True)


# -- formats -----------------------------------------------------------------


def parse_ignores(kind: str, content: bytes, name: str) -> ParsedIgnores:
    """Parse a file of the format *kind*, a module of `detector.ignores.formats`. Raises `UsageError`."""
    from detector.contracts import IgnoreFormat
    from detector.registry import check_contract, load_plugin

    module: Any = load_plugin("detector.ignores.formats", kind, what="ignore format")
    check_contract(module, IgnoreFormat, "ignore format")
    format_: IgnoreFormat = module
    return format_.load(content, name)


def split_format(named: str) -> tuple[str, str]:
    """Split ``FORMAT:FILE``; the format is "" if none is named."""
    from detector.registry import list_names

    kind, colon, path = named.partition(":")
    if colon and (kind == "leakfirst" or kind in list_names("detector.ignores.formats")):
        return kind, path
    return "", named


def detect_format(content: bytes, path: str) -> str:
    """Return the format of a file, by its name and content. Raises `UsageError`."""
    name = os.path.basename(path)
    for names, kind in OTHER_TOOLS:
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
    raise UsageError(f"{path}: not a baseline that leakfirst can read; name its format, for example trufflehog:{path}")
