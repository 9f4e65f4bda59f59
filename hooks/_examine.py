"""Look at content on behalf of a hook: what is found, what was set aside, what is not new.

The clean case is the fast one: rules come from the compiled pack, and ignore
files, baselines and configuration are read only once something was found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from detector.engine.engine import Engine
from detector.errors import UsageError
from detector.model import Blob, Finding, Ignored, Origin, Sighting, Skipped
from detector.rules import pack as packs
from detector.scan.messages import ExamineOptions
from detector.scan.worker import examine_share
from hooks._git import Objects, Stored

if TYPE_CHECKING:
    from detector.scan.masking import NameMasker

LARGE = 8 << 20
"""Objects over this many bytes are read in pieces."""

LFS = b"version https://git-lfs.github.com/spec/v1\n"


VALUES = ("--patterns", "--baseline", "--config", "--min-confidence")
FLAGS = ("--no-repository-ignores", "--strict")


class Options(NamedTuple):
    """What `leakfirst hook install` wrote into the hook."""

    patterns: tuple[str, ...] = ()
    baseline: str = ""
    config: str = ""
    min_confidence: str = "medium"
    repository_ignores: bool = True
    strict: bool = False
    rest: tuple[str, ...] = ()


def options(arguments: Sequence[str]) -> Options:
    """Read a hook's arguments: our long options first, then what git adds. Raises `UsageError`."""
    chosen: dict[str, str] = {}
    patterns: list[str] = []
    flags = set()
    at = 0
    while at < len(arguments) and arguments[at].startswith("--"):
        name, equals, value = arguments[at].partition("=")
        at += 1
        if name == "--":
            break
        if name in FLAGS:
            flags.add(name)
            continue
        if name not in VALUES:
            raise UsageError(f"{name}: a hook takes {', '.join((*VALUES, *FLAGS))}")
        if not equals:
            if at == len(arguments):
                raise UsageError(f"{name} needs a value")
            value = arguments[at]
            at += 1
        if name == "--patterns":
            patterns.append(value)
        else:
            chosen[name[2:].replace("-", "_")] = value
    if chosen.get("min_confidence", "medium") not in ("low", "medium", "high"):
        raise UsageError("--min-confidence is low, medium or high")
    return Options(
        tuple(patterns),
        chosen.get("baseline", ""),
        chosen.get("config", ""),
        chosen.get("min_confidence", "medium"),
        "--no-repository-ignores" not in flags,
        "--strict" in flags,
        tuple(arguments[at:]),
    )


def engine_for(chosen: Options) -> Engine:
    """Return the engine with all rules in force. Raises `RuleError`."""
    files: list[str] = []
    for path in chosen.patterns:
        files += packs.rule_files(path) if os.path.isdir(path) else [path]
    return packs.engine_of(packs.load(files))


class Portion(NamedTuple):
    """What a hook looks at, as a share: some blobs."""

    read: Callable[[], Iterator[Blob | Skipped]]
    name: str = "what is committed"
    weight: int = 0

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read the content."""
        return self.read()


class Seen(NamedTuple):
    """What the first look gives: nothing decided yet."""

    sightings: list[Sighting]
    troubles: list[Skipped]


def look(portion: Portion, engine: Engine, patterns: Sequence[str] = ()) -> Seen:
    """Examine *portion*; *patterns* are those of allow-lists that need the line of a hit."""
    sightings: list[Sighting] = []
    troubles: list[Skipped] = []
    for message in examine_share(portion, engine, ExamineOptions(patterns=tuple(patterns))):
        if isinstance(message, Sighting):
            sightings.append(message)
        elif isinstance(message, Skipped) and not message.expected:
            troubles.append(message)
    return Seen(sightings, troubles)


class Judged(NamedTuple):
    """What came of it after triage; `masker` hides the values that were seen in whatever else is said."""

    findings: list[Finding]
    ignored: list[Ignored]
    notes: list[str]
    masker: NameMasker


def judge(
    seen: Sequence[Sighting],
    engine: Engine,
    chosen: Options,
    reader: Callable[[str], bytes | None] | None,
    again: Callable[[Sequence[str]], Seen],
    beside: Sequence[Sighting] = (),
) -> Judged:
    """Set aside what the user asked not to see, and name what stays.

    *reader* gives the repository's own ignore files, *again* looks once more
    where an allow-list needs the line of a hit; the values of what was seen
    *beside* it are hidden in names, too.
    """
    import time

    from detector.config import operator_file
    from detector.ignores.loader import load_policy
    from detector.scan import triage
    from detector.scan.masking import make_name_masker
    from detector.scan.policies import IgnorePolicies

    policies = IgnorePolicies(
        [
            load_policy(
                reader if chosen.repository_ignores else None,
                operator=operator_file(chosen.config),
                baseline_file=chosen.baseline,
                today=time.strftime("%Y-%m-%d"),
            )
        ]
    )
    if policies.line_patterns:
        seen = again(policies.line_patterns).sightings
    masker = make_name_masker([*seen, *beside], engine.rules)
    seen = masker.mask_sightings(list(seen))
    kept, ignored = triage.split_ignored(seen, engine.rules, policies.report_key, policies.find_reason)
    findings = triage.build_findings(kept, engine.rules, policies.report_key)
    sure = [finding for finding in findings if triage.is_confident(finding, chosen.min_confidence)]
    ignored = [entry._replace(by=masker.mask(entry.by)) for entry in ignored]
    return Judged(sure, ignored, policies.notes(everything=False), masker)


def contents(objects: Objects, wanted: Sequence[tuple[str, Origin]]) -> Iterator[Blob | Skipped]:
    """Read the objects *wanted*, each with the origin to give it."""
    for index, stored in objects.ask([name for name, _ in wanted]):
        origin = wanted[index][1]
        if stored is None:
            yield Skipped(origin.path or wanted[index][0], "is not in the object store")
        else:
            yield from blobs_of(objects, stored, origin)


def blobs_of(objects: Objects, stored: Stored, origin: Origin) -> Iterator[Blob | Skipped]:
    """Give one object as blobs; what a pointer of Git LFS stands for comes along when it is here."""
    if stored.size > LARGE:
        yield from _pieces(objects, stored, origin)
        return
    data = objects.content(stored)
    if len(data) < stored.size:
        yield Skipped(origin.path, "could not be read to its end")
    if data:
        yield Blob(data, origin)
    if stored.size < 1024 and data.startswith(LFS):
        yield from _lfs(data, origin)


def _pieces(objects: Objects, stored: Stored, origin: Origin) -> Iterator[Blob | Skipped]:
    from detector.text.chunks import split_stream

    left = stored.size

    def more(count: int) -> bytes:
        nonlocal left
        data = objects.part(min(count, left)) if left else b""
        left -= len(data)
        return data

    yield from split_stream(more, origin)
    if left:
        yield Skipped(origin.path, "could not be read to its end")
    objects.part(1)


def _lfs(pointer: bytes, origin: Origin) -> Iterator[Blob | Skipped]:
    from detector.sources.files import read_file
    from hooks._git import common_directory, directory

    digest = pointer.partition(b"oid sha256:")[2][:64].decode("latin-1")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        return
    store = os.path.join(common_directory(directory()), "lfs", "objects")
    path = os.path.join(store, digest[:2], digest[2:4], digest)
    if os.path.isfile(path):
        yield from read_file(path, origin)
