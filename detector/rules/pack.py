"""All rules in force as one cache file, so that a hook starts in a millisecond.

Parsing the rule files and compiling the automaton takes a second or two. The
result is stored in the user's cache folder; its name is the digest of everything
it was made from: rule files, our version, the versions of the libraries, the
processor. A cache that is missing, damaged, foreign or not writable costs time,
never correctness.

Each rule is stored compressed: scans of a home folder read the cache too, and the
examples of a thousand rules look like credentials. So no file has to be excluded
from scans by its name, and a rule that is not used costs nothing.

The rule files are not even read if a stamp (size, times and inode of every file)
shows that their digest is known.
"""

from __future__ import annotations

import marshal
import os
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from detector.engine.anchors import Automaton, build_automaton, choose_backend, length_range
from detector.engine.decode.markers import Marker, list_markers
from detector.engine.engine import GENERIC, Engine
from detector.model import Anchor, Companion, Confidence, Rule, Severity

FORMAT = b"leakfirst-pack-7\n"
_CHECK = 4
_SIZE = 8
SETTLED = 2_000_000_000
"""Age in nanoseconds above which a file that changes again is sure to get another time stamp."""


class PreparedAutomaton:
    """The automaton that checking a cache file created, returned once; it is not shared and not pickled."""

    def __init__(self, automaton: Automaton | None = None) -> None:
        self._automaton = automaton

    def take(self) -> Automaton | None:
        """Return the automaton the first time, then None."""
        taken, self._automaton = self._automaton, None
        return taken

    def __reduce__(self) -> tuple[type[PreparedAutomaton], tuple[()]]:
        return PreparedAutomaton, ()


class Pack(NamedTuple):
    """Rules, the anchors that they share, and the dumped automaton.

    `anchor_rules[i]` lists the indexes of the rules of anchor *i*, `lengths[i]` the lengths of
    its occurrences. `marks` holds one byte for the code and one for the length of each marker of
    a decoder, which the automaton reports with numbers above the anchors. `scored_indexes`
    are the indexes of the rules that are `scored`.
    """

    digest: str
    engine: str
    rules: Sequence[Rule]
    anchors: tuple[Anchor, ...]
    anchor_rules: tuple[tuple[int, ...], ...]
    dumped: bytes
    lengths: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()
    marks: bytes = b""
    scored_indexes: tuple[int, ...] = ()
    ready: PreparedAutomaton | None = None


class _LazyRules(Sequence[Rule]):
    """Rules that are made from their rows on first use."""

    def __init__(self, rows: Sequence[bytes]) -> None:
        self._rows = rows
        self._made: dict[int, Rule] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        rule = self._made.get(index)
        if rule is None:
            row = marshal.loads(zlib.decompress(self._rows[index]))  # noqa: S302 - our own cache, checked as a whole
            rule = self._made[index] = _from_row(row)
        return rule


def shipped_folder() -> str:
    """Return the folder of the shipped rules."""
    return os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "patterns")


def cache_folder() -> str:
    """Return the folder for compiled packs (``LEAKFIRST_CACHE``, else the user's cache)."""
    chosen = os.environ.get("LEAKFIRST_CACHE")
    if chosen:
        return chosen
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "leakfirst")


def load_pack(
    extra: Sequence[str] = (),
    *,
    shipped: bool = True,
    select: Callable[[Sequence[Rule]], Sequence[Rule]] | None = None,
    selection: str = "",
    engine: str = "",
) -> Pack:
    """Return the pack of the shipped rules and the *extra* files, from the cache if possible.

    *select* returns the rules to keep and may raise; *selection* is a text that identifies
    that choice in the cache. *engine* is ``hyperscan`` or ``ahocorasick``, by default the best
    for this machine. Raises `RuleError`.
    """
    from detector.errors import RuleError

    engine = engine or choose_backend()
    files = [*(list_rule_files(shipped_folder()) if shipped else ()), *extra]
    try:
        digest = _find_digest(files, selection)
    except OSError as error:
        raise RuleError(f"{error.filename}: cannot be read ({error.strerror})") from None
    cached = os.path.join(cache_folder(), f"{digest}-{_platform_name(engine)}.pack")
    pack = _read(cached, digest, engine)
    if pack is None:
        from detector.rules.loader import load_all

        loaded = load_all(files)
        pack = compile_pack(select(loaded.rules) if select else loaded.rules, digest, engine)
        pack = pack._replace(notes=loaded.notes)
        if not loaded.extends:  # the files that they extend are not in the digest
            _write(cached, pack)
    return pack


def compile_pack(rules: Sequence[Rule], digest: str = "", engine: str = "") -> Pack:
    """Compile *rules* into a pack, without the cache."""
    engine = engine or choose_backend()
    anchor_rules: dict[Anchor, list[int]] = {}
    for index, rule in enumerate(rules):
        for anchor in rule.anchors:
            anchor_rules.setdefault(anchor, []).append(index)
    if any(rule.scored for rule in rules):
        from detector.engine.scoring.anchors import ANCHORS

        for anchor in ANCHORS:
            anchor_rules.setdefault(anchor, []).append(GENERIC)
    anchors = tuple(anchor_rules)
    indexes = tuple(tuple(found) for found in anchor_rules.values())
    found = _list_markers(anchors, indexes)
    dumped = build_automaton([*anchors, *(marker.anchor for marker in found)], engine).dump() if anchors else b""
    marks = bytes(byte for marker in found for byte in (marker.code, marker.length))
    widths = tuple(length_range(anchor) for anchor in anchors)
    scored = tuple(index for index, rule in enumerate(rules) if rule.scored)
    return Pack(digest, engine, rules, anchors, indexes, dumped, widths, marks=marks, scored_indexes=scored)


def _list_markers(anchors: Sequence[Anchor], anchor_rules: Sequence[Sequence[int]]) -> list[Marker]:
    """List the markers of decoders for the anchors of rules; anchors of generic credentials get none."""
    named = [anchor for anchor, rules in zip(anchors, anchor_rules, strict=True) if tuple(rules) != (GENERIC,)]
    return list_markers(named) if named else []


def build_engine(pack: Pack) -> Engine:
    """Build the engine that applies *pack*."""
    automaton = take_automaton(pack)
    return Engine(pack.rules, pack.anchors, pack.anchor_rules, automaton, pack.lengths, pack.marks, pack.scored_indexes)


def take_automaton(pack: Pack) -> Automaton:
    """Return the automaton of *pack*: the prepared one, or a new one."""
    if not pack.anchors:
        return _EmptyAutomaton()
    ready = pack.ready.take() if pack.ready else None
    if ready is not None:
        return ready
    if pack.dumped:
        return build_automaton((), pack.engine, pack.dumped)
    return build_automaton(
        [*pack.anchors, *(marker.anchor for marker in _list_markers(pack.anchors, pack.anchor_rules))], pack.engine
    )


class _EmptyAutomaton:
    """The automaton of no rules."""

    def scan(self, data: bytes) -> list[Any]:
        del data
        return []

    def dump(self) -> bytes:
        return b""


def list_rule_files(folder: str) -> list[str]:
    """List the rule files below *folder*, sorted."""
    found = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            found += list_rule_files(entry.path)
        elif entry.name.endswith((".toml", ".yml", ".yaml")):
            found.append(entry.path)
    return sorted(found)


def _find_digest(files: Sequence[str], selection: str) -> str:
    """Return the digest of *files*, without reading them if their stamps are known. Raises `OSError`."""
    found = [os.stat(path) for path in files]
    stamps = [(at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino) for at in found]
    asked = marshal.dumps(([os.path.abspath(path) for path in files], selection, FORMAT, _code_stamp()))
    place = os.path.join(cache_folder(), f"{zlib.crc32(asked):08x}.stamp")
    try:
        with open(place, "rb") as file:
            known, then, digest = marshal.loads(file.read())  # noqa: S302 - our own cache
        if (known, then) == (asked, stamps):
            return str(digest)
    except (OSError, ValueError, EOFError, TypeError):
        pass  # no stamp, or a damaged one: read the files
    texts = []
    for path in files:
        with open(path, "rb") as file:
            texts.append(file.read())
    digest = _compute_digest(files, texts, selection)
    if all(max(at.st_mtime_ns, at.st_ctime_ns) + SETTLED < time.time_ns() for at in found):
        _write_atomically(place, marshal.dumps((asked, stamps, digest)))
    return digest


def _compute_digest(files: Sequence[str], texts: Sequence[bytes], selection: str) -> str:
    """Return the digest of the rule files, their order, the selection and our own code."""
    import hashlib

    total = hashlib.blake2b(FORMAT, digest_size=16)
    for path, text in zip(files, texts, strict=True):
        total.update(f"{os.path.basename(path)}\0{len(text)}\0".encode("utf-8", "surrogateescape"))
        total.update(text)
    total.update(selection.encode())
    total.update(str(_code_stamp()).encode())
    return total.hexdigest()


_ENGINE_CODE = (("", "anchors.py"), ("decode", "markers.py"), ("scoring", "anchors.py"))


def _code_stamp() -> tuple[int, ...]:
    """Return the modification times of the code that makes packs, so that no outdated pack is read."""
    here = os.path.dirname(os.path.abspath(__file__))
    engine = os.path.join(os.path.dirname(here), "engine")
    code = [os.path.join(here, name) for name in sorted(os.listdir(here)) if name.endswith(".py")]
    code += [os.path.join(engine, folder, name) for folder, name in _ENGINE_CODE]
    return tuple([os.stat(path).st_mtime_ns for path in code])


def _platform_name(engine: str) -> str:
    """Name everything that a dumped automaton and marshalled rows depend on."""
    version = ""
    if engine == "hyperscan":
        import hyperscan

        version = str(getattr(hyperscan, "__version__", ""))
    node = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return f"{engine}{version}-py{sys.version_info[0]}{sys.version_info[1]}-{node}"


def _to_row(rule: Rule) -> tuple[Any, ...]:
    row: list[Any] = list(rule)
    row[rule._fields.index("severity")] = str(rule.severity)  # marshal takes plain strings only
    row[rule._fields.index("confidence")] = str(rule.confidence)
    row[rule._fields.index("anchors")] = tuple(tuple(anchor) for anchor in rule.anchors)
    row[rule._fields.index("companions")] = tuple(tuple(part) for part in rule.companions)
    row[rule._fields.index("probe")] = dict(rule.probe)
    return tuple(row)


def _from_row(row: tuple[Any, ...]) -> Rule:
    rule = Rule(*row)
    return rule._replace(
        severity=Severity(rule.severity),
        confidence=Confidence(rule.confidence),
        anchors=tuple(Anchor(*anchor) for anchor in rule.anchors),
        companions=tuple(Companion(*part) for part in rule.companions),
    )


def _read(path: str, digest: str, engine: str) -> Pack | None:
    try:
        with open(path, "rb") as file:
            head = file.read(len(FORMAT) + _CHECK + _SIZE)
            body = file.read(int.from_bytes(head[-_SIZE:])) if head.startswith(FORMAT) else b""
            dumped = file.read()
    except (OSError, OverflowError, MemoryError):
        return None
    if not body or zlib.crc32(body).to_bytes(_CHECK) != head[len(FORMAT) : -_SIZE]:
        return None
    try:
        kept, name, rows, anchors, anchor_rules, widths, notes, marks, scored = marshal.loads(body)  # noqa: S302 - checked
        if (kept, name) != (digest, engine):
            return None
        lazy, literals = _LazyRules(rows), tuple(Anchor(*anchor) for anchor in anchors)
        pack = Pack(kept, name, lazy, literals, anchor_rules, dumped, widths, notes, marks, scored)
        # A database that is damaged or of another processor fails here: it has a checksum of its own.
        return pack._replace(ready=PreparedAutomaton(take_automaton(pack)))
    except Exception:  # whatever is wrong with a cache, the rule files can be read
        return None


def _write(path: str, pack: Pack) -> None:
    """Store *pack* in the cache file *path*."""
    body = marshal.dumps(
        (
            pack.digest,
            pack.engine,
            tuple(zlib.compress(marshal.dumps(_to_row(rule))) for rule in pack.rules),
            tuple(tuple(a) for a in pack.anchors),
            pack.anchor_rules,
            pack.lengths,
            pack.notes,
            pack.marks,
            pack.scored_indexes,
        )
    )
    head = FORMAT + zlib.crc32(body).to_bytes(_CHECK) + len(body).to_bytes(_SIZE)
    if _write_atomically(path, head + body + pack.dumped):
        _remove_old(os.path.dirname(path))


def _write_atomically(path: str, content: bytes) -> bool:
    """Write *content* to a temporary file and rename it to *path*; return whether that succeeded."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        return False
    return True


def _remove_old(folder: str, keep: int = 8) -> None:
    """Delete all but the *keep* most recent packs and stamps; each change of a rule makes a new one."""
    for suffix in (".pack", ".stamp"):
        kept = [entry for entry in os.scandir(folder) if entry.name.endswith(suffix)]
        kept.sort(key=lambda entry: -entry.stat().st_mtime)
        for entry in kept[keep:]:
            with suppress(OSError):
                os.unlink(entry.path)
