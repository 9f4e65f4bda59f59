"""Everything that sets findings aside, asked in one place, each answer with its reason.

A `Policy` is gathered from the operator's configuration, the baseline, and the
files that the scanned repository itself carries. The latter can only narrow
what is reported, and the report says that they did. An entry that sets nothing
aside is named too: it hides nothing today and may hide a leak tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.ignores import values
from detector.ignores.expressions import compiled, found
from detector.model import Origin, Rule, Sighting

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

HISTORY = ("blob", "commit", "tag", "note", "stash", "unreachable")
"""Kinds of origin that are not files as they stand now."""


class Allow(NamedTuple):
    """One entry of an allow-list.

    Every kind of condition that is given must hold, or with ``every=False``
    any of them; within a kind any one is enough. `rules` and `until` always
    hold. `paths`, `values`, `lines` and `matches` are regular expressions,
    `globs` are lines of gitignore syntax, `words` parts of the value in lower
    case, `spots` a path with a 1-based line.
    """

    by: str
    rules: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    every: bool = True
    until: str = ""
    foreign: bool = False


Key = tuple[str | int, ...]
"""What an exact entry names: ("value", fingerprint), ("line", path, 12), ("line", path, 12, commit),
("sha1", path, digest), ("sha256", digest), ("xxh3", number)."""


class Known(NamedTuple):
    """One exact entry, found by its key however long the list is; *path* and *line* say where it was made.

    *by* says what set a finding aside, *entry* which entry did nothing, where that is not the same.
    """

    by: str
    key: Key
    path: str = ""
    line: int = 0
    entry: str = ""


class Loaded(NamedTuple):
    """What a file of ignores says, and which of its entries mean nothing to us, with the reason."""

    allows: tuple[Allow, ...] = ()
    known: tuple[Known, ...] = ()
    refused: tuple[str, ...] = ()


class Policy:
    """What sets findings aside in one scan; remembers which entries did."""

    def __init__(
        self,
        allows: Sequence[Allow] = (),
        known: Iterable[Known] = (),
        *,
        keys: Sequence[bytes] = (),
        notes: Sequence[str] = (),
        today: str = "",
        relative: Callable[[Origin], str] = lambda origin: origin.path,
    ) -> None:
        """*keys* are those under which fingerprints may have been made; *relative*
        gives the path of an origin below the root that patterns speak of."""
        over = [allow for allow in allows if allow.until and today and allow.until < today]
        self.allows = [allow for allow in allows if allow not in over] if over else list(allows)
        self.known: Mapping[Key, Known] = {entry.key: entry for entry in known}
        self.keys = keys
        self.notes = [*notes, *(f"{allow.by} expired on {allow.until}" for allow in over)]
        self._kinds = {(str(key[0]), len(key)) for key in self.known}
        self._relative = relative
        self._used: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.allows or self.known)

    @property
    def line_patterns(self) -> tuple[str, ...]:
        """What a worker must try on the line of each hit (see `marks.fitting`)."""
        wanted = [f"line:{text}" for allow in self.allows for text in allow.lines]
        wanted += [f"match:{text}" for allow in self.allows for text in allow.matches]
        return tuple(dict.fromkeys(wanted))

    def why(self, sighting: Sighting, rule: Rule) -> str:
        """Return what sets *sighting* aside, or "" if it stays."""
        reason = next((near for near in sighting.nearby_ignores if not near.startswith(("line:", "match:"))), "")
        if reason:
            return f"{reason} in the file"
        if known := self._exact(sighting):
            self._used.add(known.entry or known.by)
            return known.by
        path = self._relative(sighting.location.origin)
        reason = next((allow.by for allow in self.allows if self._fits(allow, sighting, rule, path)), "")
        if reason:
            self._used.add(reason)
        return reason

    def unused(self) -> list[str]:
        """List the entries that set nothing aside so far."""
        everything = [allow.by for allow in self.allows] + [known.entry or known.by for known in self.known.values()]
        return list(dict.fromkeys(by for by in everything if by not in self._used))

    def _exact(self, sighting: Sighting) -> Known | None:
        if not self.known:
            return None
        return next((self.known[key] for key in self._keys_of(sighting) if key in self.known), None)

    def _keys_of(self, sighting: Sighting) -> Iterable[Key]:
        from detector.fingerprint import fingerprint

        where = sighting.location
        path = self._relative(where.origin)
        secrets = [sighting.secret, *(part for _, part in sighting.parts)]
        if ("value", 2) in self._kinds:
            yield from (("value", fingerprint(sighting.secret, key)) for key in self.keys)
        if ("line", 3) in self._kinds:
            yield ("line", path, where.line)
        if ("line", 4) in self._kinds and where.origin.commit:
            yield ("line", path, where.line, where.origin.commit)
        if ("sha1", 3) in self._kinds:
            yield from (("sha1", path, digest) for secret in secrets for digest in values.sha1s(secret))
        if ("sha256", 2) in self._kinds:
            yield from (("sha256", values.sha256(secret)) for secret in secrets)
        if ("xxh3", 2) in self._kinds:
            label = b"git" if where.origin.kind in HISTORY else b"file"
            yield ("xxh3", values.xxh3(sighting.secret, label, where.start, where.end))

    def _fits(self, allow: Allow, sighting: Sighting, rule: Rule, path: str) -> bool:
        if allow.rules and not _rule_named(allow, rule):
            return False
        commit = (sighting.location.origin.commit or "").lower()
        checks: tuple[tuple[tuple[str, ...], Callable[[], bool]], ...] = (
            (allow.paths, lambda: found(allow.paths, _bytes(path))),
            (allow.globs, lambda: ignored_path(allow.globs, path)),
            (allow.values, lambda: values.fits(sighting.secret, allow.values)),
            (allow.words, lambda: values.contains(sighting.secret, allow.words)),
            (allow.lines, lambda: any(f"line:{text}" in sighting.nearby_ignores for text in allow.lines)),
            (allow.matches, lambda: any(f"match:{text}" in sighting.nearby_ignores for text in allow.matches)),
            (allow.fingerprints, lambda: self._named(allow.fingerprints, sighting)),
            (allow.commits, lambda: bool(commit) and commit.startswith(allow.commits)),
        )
        answers = (check() for given, check in checks if given)
        if not any(given for given, _ in checks):
            return bool(allow.rules)
        return all(answers) if allow.every else any(answers)

    def _named(self, fingerprints: tuple[str, ...], sighting: Sighting) -> bool:
        from detector.fingerprint import fingerprint

        return any(fingerprint(sighting.secret, key) in fingerprints for key in self.keys)


def check(allow: Allow) -> None:
    """Raise `ValueError` where an expression of *allow* cannot be compiled."""
    for pattern in (*allow.paths, *allow.values, *allow.lines, *allow.matches):
        try:
            compiled(pattern)
        except ValueError as error:
            raise ValueError(f"{pattern!r} is {error}") from None


def ignored_path(globs: tuple[str, ...], path: str) -> bool:
    """Tell whether *path* is matched by these lines of gitignore syntax; the last that fits decides."""
    return bool(_spec(globs).match_file(encodable(path)))


@lru_cache(maxsize=64)
def _spec(globs: tuple[str, ...]) -> Any:
    return gitignore(globs)


def gitignore(lines: Iterable[str]) -> GitIgnoreSpec:
    """Return *lines* of gitignore syntax, ready to match; as in git, a line that is no pattern matches nothing."""
    from pathspec import GitIgnoreSpec

    valid = []
    for line in map(encodable, lines):
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        valid.append(line)
    return GitIgnoreSpec.from_lines(valid)


def encodable(path: str) -> str:
    """Return *path* with replacement characters for what is not UTF-8: pathspec takes nothing else."""
    return path.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _rule_named(allow: Allow, rule: Rule) -> bool:
    from fnmatch import fnmatchcase

    if any(fnmatchcase(rule.id, glob) for glob in allow.rules):
        return True
    return allow.foreign and any(same_rule(name, rule.id) for name in allow.rules)


_ALIASES = {"gcp": "google", "hashicorp": "vault"}


def same_rule(foreign: str, ours: str) -> bool:
    """Tell whether another tool's rule id means what one of ours means.

    Ids differ from tool to tool; the provider, their first word, is what they agree on.

    >>> same_rule("github-pat", "github.pat-classic"), same_rule("github-pat", "gitlab.pat")
    (True, False)
    """
    first = foreign.replace("_", "-").replace(".", "-").partition("-")[0].lower()
    provider = ours.partition(".")[0]
    return ours.endswith(f".{foreign}") or _ALIASES.get(first, first) == provider
