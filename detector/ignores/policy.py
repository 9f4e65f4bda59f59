"""Decide which findings are ignored, and give the reason for each.

An `IgnorePolicy` is loaded from the operator's configuration, the baseline, and the
files in the scanned repository. Files of the repository can only narrow what is
reported, and the report says that they did. An entry that ignores nothing is
reported too: it is useless today and may hide a leak tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from detector.ignores import values
from detector.ignores.expressions import compile_pattern, matches_any
from detector.ignores.gitignore import matches_globs
from detector.model import HISTORY_KINDS, MARK_ENDING, Origin, Rule, Sighting, describe_place


class AllowEntry(NamedTuple):
    """One entry of an allowlist; `by` is what reports call it.

    Every kind of condition that is given must match, or with ``match_all=False`` any
    of them; within a kind one match is enough. `rules` must always match, and after
    the day `until` (ISO 8601) the entry is not applied. `paths`, `values`, `lines` and
    `matches` are regular expressions, `globs` are lines of gitignore syntax, `words`
    are parts of the value in lower case. The rules of an entry `of_other_tool` are
    rule ids of that tool.
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
    match_all: bool = True
    until: str = ""
    of_other_tool: bool = False


EntryKey = tuple[str | int, ...]
"""What an exact entry identifies: ("value", fingerprint), ("line", path, 12), ("line", path, 12, commit),
("sha1", path, digest), ("sha256", digest), ("xxh3", number)."""


class ExactEntry(NamedTuple):
    """An entry for one finding, looked up by its key; `path` and `line` are where the finding was.

    `by` is the reason in a report. `entry` names the entry if it ignores nothing; "" means that `by` does.
    """

    by: str
    key: EntryKey
    path: str = ""
    line: int = 0
    entry: str = ""


class ParsedIgnores(NamedTuple):
    """The entries of an ignore file; `rejected` names each entry that we cannot apply, with the reason.

    `rules` are the ids of the rules that it has to find credentials with, which only the operator may add.
    """

    allowlist: tuple[AllowEntry, ...] = ()
    exact: tuple[ExactEntry, ...] = ()
    rejected: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class IgnorePolicy:
    """Decides which findings of one root are ignored; remembers which entries were used."""

    def __init__(
        self,
        allowlist: Sequence[AllowEntry] = (),
        exact: Iterable[ExactEntry] = (),
        *,
        keys: Sequence[bytes] = (),
        notes: Sequence[str] = (),
        today: str = "",
        relative: Callable[[Origin], str] = lambda origin: origin.path,
        marks: bool = True,
        not_in_force: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        """*keys* are those of the fingerprints in entries; *relative* returns the path of
        an origin below the root, which the patterns are compared with."""
        expired = [allow for allow in allowlist if allow.until and today and allow.until < today]
        self.allowlist = [allow for allow in allowlist if allow not in expired] if expired else list(allowlist)
        self.exact: Mapping[EntryKey, ExactEntry] = {entry.key: entry for entry in exact}
        self.keys = keys
        self.notes = [*notes, *(f"{allow.by} expired on {allow.until}" for allow in expired)]
        self._kinds = {(str(key[0]), len(key)) for key in self.exact}
        self._relative = relative
        self._marks = marks
        self.not_in_force = not_in_force
        """The rules in files of other tools that nobody applies, by the name of the file."""
        self._used: set[str] = set()
        self.refused_marks: list[str] = []
        """The marks that count for nothing, each with its place; what they stand beside is reported."""

    def __bool__(self) -> bool:
        return bool(self.allowlist or self.exact)

    @property
    def line_patterns(self) -> tuple[str, ...]:
        """What a worker has to match with the line of each hit (see `marks.find_matching`)."""
        wanted = [f"line:{text}" for allow in self.allowlist for text in allow.lines]
        wanted += [f"match:{text}" for allow in self.allowlist for text in allow.matches]
        return tuple(dict.fromkeys(wanted))

    def find_reason(self, sighting: Sighting, rule: Rule) -> str:
        """Return why *sighting* is ignored, or "" if it is reported."""
        reason = next((near for near in sighting.nearby_ignores if not near.startswith(("line:", "match:"))), "")
        mark = reason
        if mark and self._marks:
            return mark + MARK_ENDING
        if known := self._find_exact(sighting):
            self._used.add(known.entry or known.by)
            return known.by
        path = self._relative(sighting.location.origin)
        reason = next((allow.by for allow in self.allowlist if self._is_matched_by(allow, sighting, rule, path)), "")
        if reason:
            self._used.add(reason)
        elif mark:
            self.refused_marks.append(f"{mark} at {describe_place(sighting.location)}")
        return reason

    def list_unused(self) -> list[str]:
        """List the entries that have ignored nothing so far."""
        everything = [allow.by for allow in self.allowlist] + [known.entry or known.by for known in self.exact.values()]
        return list(dict.fromkeys(by for by in everything if by not in self._used))

    def _find_exact(self, sighting: Sighting) -> ExactEntry | None:
        if not self.exact:
            return None
        return next((self.exact[key] for key in self._make_keys(sighting) if key in self.exact), None)

    def _make_keys(self, sighting: Sighting) -> Iterable[EntryKey]:
        from detector.fingerprint import compute_fingerprint

        where = sighting.location
        path = self._relative(where.origin)
        secrets = [sighting.secret, *(part for _, part in sighting.parts)]
        if ("value", 2) in self._kinds:
            yield from (("value", compute_fingerprint(sighting.secret, key)) for key in self.keys)
        if ("line", 3) in self._kinds:
            yield ("line", path, where.line)
        if ("line", 4) in self._kinds and where.origin.commit:
            yield ("line", path, where.line, where.origin.commit)
        if ("sha1", 3) in self._kinds:
            yield from (("sha1", path, digest) for secret in secrets for digest in values.hash_sha1(secret))
        if ("sha256", 2) in self._kinds:
            yield from (("sha256", values.hash_sha256(secret)) for secret in secrets)
        if ("xxh3", 2) in self._kinds:
            label = b"git" if where.origin.kind in HISTORY_KINDS else b"file"
            yield ("xxh3", values.hash_xxh3(sighting.secret, label, where.start, where.end))

    def _is_matched_by(self, allow: AllowEntry, sighting: Sighting, rule: Rule, path: str) -> bool:
        if allow.rules and not _names_rule(allow, rule):
            return False
        commit = (sighting.location.origin.commit or "").lower()
        checks: tuple[tuple[tuple[str, ...], Callable[[], bool]], ...] = (
            (allow.paths, lambda: matches_any(allow.paths, _encode(path))),
            (allow.globs, lambda: matches_globs(allow.globs, path)),
            (allow.values, lambda: values.matches_value(sighting.secret, allow.values)),
            (allow.words, lambda: values.contains_word(sighting.secret, allow.words)),
            (allow.lines, lambda: any(f"line:{text}" in sighting.nearby_ignores for text in allow.lines)),
            (allow.matches, lambda: any(f"match:{text}" in sighting.nearby_ignores for text in allow.matches)),
            (allow.fingerprints, lambda: self._has_fingerprint(allow.fingerprints, sighting)),
            (allow.commits, lambda: bool(commit) and commit.startswith(allow.commits)),
        )
        answers = (check() for given, check in checks if given)
        if not any(given for given, _ in checks):
            return bool(allow.rules)
        return all(answers) if allow.match_all else any(answers)

    def _has_fingerprint(self, fingerprints: tuple[str, ...], sighting: Sighting) -> bool:
        from detector.fingerprint import compute_fingerprint

        return any(compute_fingerprint(sighting.secret, key) in fingerprints for key in self.keys)


def check_patterns(allow: AllowEntry) -> None:
    """Raise `ValueError` where an expression of *allow* cannot be compiled."""
    for pattern in (*allow.paths, *allow.values, *allow.lines, *allow.matches):
        try:
            compile_pattern(pattern)
        except ValueError as error:
            raise ValueError(f"{pattern!r} is {error}") from None


def _encode(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _names_rule(allow: AllowEntry, rule: Rule) -> bool:
    from fnmatch import fnmatchcase

    if any(fnmatchcase(rule.id, glob) for glob in allow.rules):
        return True
    return allow.of_other_tool and any(is_same_rule(name, rule.id) for name in allow.rules)


_ALIASES = {"gcp": "google", "hashicorp": "vault"}


def is_same_rule(other: str, ours: str) -> bool:
    """Tell whether the rule id of another tool stands for one of our rules.

    Ids differ between tools; only the provider, their first word, is the same.

    >>> is_same_rule("github-pat", "github.pat-classic"), is_same_rule("github-pat", "gitlab.pat")
    (True, False)
    """
    first = other.replace("_", "-").replace(".", "-").partition("-")[0].lower()
    provider = ours.partition(".")[0]
    return ours.endswith(f".{other}") or _ALIASES.get(first, first) == provider
