"""All rules in force as one ready file, so that the hook pays a millisecond.

Parsing the rule files and compiling the automaton takes a second or two. The
result is kept in the user's cache folder under a name that is the digest of
everything it was made from: rule texts, our version, the versions of the
libraries, the processor. A cache that is missing, torn, foreign or unwritable
costs time, never correctness.

Each rule is kept compressed: a home folder is scanned, too, and in the open the
examples of a thousand rules look like what they find. So nothing has to be left
out of a scan for being called a pack, and a rule that is not used costs nothing.

Not even the rule texts are read where a stamp (size, times, inode of every
file) says that they are those of which the digest is known.
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
from detector.engine.decode.markers import Marker, markers
from detector.engine.engine import GENERIC, Engine
from detector.model import Anchor, Companion, Confidence, Rule, Severity

FORMAT = b"leakfirst-pack-7\n"
_CHECK = 4
_SIZE = 8
_READERS = ("loader.py", "pack.py", "gitleaks.py", "kingfisher.py", "foreign.py", "literals.py", "re2.py", "expr.py")
SETTLED = 2_000_000_000
"""Nanoseconds after which a file that changes again surely gets another time."""


class Ready:
    """The automaton that was made to check a cache, handed out once: it is neither shared nor sent to a worker."""

    def __init__(self, automaton: Automaton | None = None) -> None:
        self._automaton = automaton

    def take(self) -> Automaton | None:
        """Return it, or None if it is gone."""
        taken, self._automaton = self._automaton, None
        return taken

    def __reduce__(self) -> tuple[type[Ready], tuple[()]]:
        return Ready, ()


class Pack(NamedTuple):
    """Rules, the anchors they share, and the dumped automaton.

    `marks` are the decoders' markers, which the automaton reports behind the
    anchors: for each a byte for the code and one for the length.
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
    ready: Ready | None = None


class _LazyRules(Sequence[Rule]):
    """Rules made from their rows when first asked for."""

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
            rule = self._made[index] = _unrow(row)
        return rule


def shipped_folder() -> str:
    """Return the folder of the rules that come with the distribution."""
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


def load(
    extra: Sequence[str] = (),
    *,
    shipped: bool = True,
    select: Callable[[Sequence[Rule]], Sequence[Rule]] | None = None,
    selection: str = "",
    engine: str = "",
) -> Pack:
    """Return the pack of the shipped rules and the *extra* files.

    *select* keeps some of the rules; *selection* is a text that names that choice,
    so that it can be cached (unless *select* refuses it: it may raise). *engine* is
    ``hyperscan`` or ``ahocorasick``, by default the best for this machine. Raises `RuleError`.
    """
    from detector.errors import RuleError

    engine = engine or choose_backend()
    files = [*(rule_files(shipped_folder()) if shipped else ()), *extra]
    try:
        digest = _known_digest(files, selection)
    except OSError as error:
        raise RuleError(f"{error.filename}: cannot be read ({error.strerror})") from None
    cached = os.path.join(cache_folder(), f"{digest}-{_machine(engine)}.pack")
    pack = _read(cached, digest, engine)
    if pack is None:
        from detector.rules.loader import load_all

        loaded = load_all(files)
        pack = make(select(loaded.rules) if select else loaded.rules, digest, engine)
        pack = pack._replace(notes=loaded.notes)
        if not loaded.extends:  # what else they bring in is not in the digest
            _write(cached, pack)
    return pack


def make(rules: Sequence[Rule], digest: str = "", engine: str = "") -> Pack:
    """Compile *rules* into a pack, without any cache."""
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
    used = tuple(tuple(indexes) for indexes in anchor_rules.values())
    found = _markers(anchors, used)
    dumped = build_automaton([*anchors, *(marker.anchor for marker in found)], engine).dump() if anchors else b""
    marks = bytes(byte for marker in found for byte in (marker.code, marker.length))
    widths = tuple(length_range(anchor) for anchor in anchors)
    judged = tuple(index for index, rule in enumerate(rules) if rule.scored)
    return Pack(digest, engine, rules, anchors, used, dumped, widths, marks=marks, scored_indexes=judged)


def _markers(anchors: Sequence[Anchor], anchor_rules: Sequence[Sequence[int]]) -> list[Marker]:
    """List what starts a decoder: encoded forms of the anchors of rules. Generic words have markers of their own."""
    named = [anchor for anchor, used in zip(anchors, anchor_rules, strict=True) if tuple(used) != (GENERIC,)]
    return markers(named) if named else []


def engine_of(pack: Pack) -> Engine:
    """Make the engine that applies *pack*."""
    automaton = automaton_of(pack)
    return Engine(pack.rules, pack.anchors, pack.anchor_rules, automaton, pack.lengths, pack.marks, pack.scored_indexes)


def automaton_of(pack: Pack) -> Automaton:
    """Make the first pass of *pack*."""
    if not pack.anchors:
        return _Nothing()
    ready = pack.ready.take() if pack.ready else None
    if ready is not None:
        return ready
    if pack.dumped:
        return build_automaton((), pack.engine, pack.dumped)
    return build_automaton(
        [*pack.anchors, *(marker.anchor for marker in _markers(pack.anchors, pack.anchor_rules))], pack.engine
    )


class _Nothing:
    """The automaton of no rules."""

    def scan(self, data: bytes) -> list[Any]:
        del data
        return []

    def dump(self) -> bytes:
        return b""


def rule_files(folder: str) -> list[str]:
    """List the rule files below *folder*, sorted, so that order never depends on the disk."""
    found = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            found += rule_files(entry.path)
        elif entry.name.endswith((".toml", ".yml", ".yaml")):
            found.append(entry.path)
    return sorted(found)


def _known_digest(files: Sequence[str], selection: str) -> str:
    """Return the digest of *files*, from their stamps where those are known. Raises `OSError`."""
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
        pass  # no stamp, or a torn one: the texts tell
    texts = []
    for path in files:
        with open(path, "rb") as file:
            texts.append(file.read())
    digest = _digest(files, texts, selection)
    if all(max(at.st_mtime_ns, at.st_ctime_ns) + SETTLED < time.time_ns() for at in found):
        _put(place, marshal.dumps((asked, stamps, digest)))
    return digest


def _digest(files: Sequence[str], texts: Sequence[bytes], selection: str) -> str:
    """Name what is in force: the texts, their order, the choice among them, our own code."""
    import hashlib

    total = hashlib.blake2b(FORMAT, digest_size=16)
    for path, text in zip(files, texts, strict=True):
        total.update(f"{os.path.basename(path)}\0{len(text)}\0".encode("utf-8", "surrogateescape"))
        total.update(text)
    total.update(selection.encode())
    total.update(str(_code_stamp()).encode())
    return total.hexdigest()


def _code_stamp() -> tuple[int, ...]:
    """Change when the loader, the anchors or the gate change, so that no stale pack is read."""
    stamps = []
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    readers = [os.path.join("rules", name) for name in _READERS]
    for name in (*readers, "engine/anchors.py", "engine/decode/markers.py", "engine/scoring/anchors.py"):
        try:
            stamps.append(os.stat(os.path.join(package, name)).st_mtime_ns)
        except OSError:
            stamps.append(0)
    return tuple(stamps)


def _machine(engine: str) -> str:
    """Name what a dumped automaton and marshalled rows depend on."""
    version = ""
    if engine == "hyperscan":
        import hyperscan

        version = str(getattr(hyperscan, "__version__", ""))
    node = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return f"{engine}{version}-py{sys.version_info[0]}{sys.version_info[1]}-{node}"


def _row(rule: Rule) -> tuple[Any, ...]:
    row: list[Any] = list(rule)
    row[rule._fields.index("severity")] = str(rule.severity)  # marshal takes plain strings only
    row[rule._fields.index("confidence")] = str(rule.confidence)
    row[rule._fields.index("anchors")] = tuple(tuple(anchor) for anchor in rule.anchors)
    row[rule._fields.index("companions")] = tuple(tuple(part) for part in rule.companions)
    row[rule._fields.index("probe")] = dict(rule.probe)
    return tuple(row)


def _unrow(row: tuple[Any, ...]) -> Rule:
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
        kept, name, rows, anchors, anchor_rules, widths, notes, marks, judged = marshal.loads(body)  # noqa: S302 - checked
        if (kept, name) != (digest, engine):
            return None
        lazy, literals = _LazyRules(rows), tuple(Anchor(*anchor) for anchor in anchors)
        pack = Pack(kept, name, lazy, literals, anchor_rules, dumped, widths, notes, marks, judged)
        # A database that is damaged or of another processor fails here: it has a checksum of its own.
        return pack._replace(ready=Ready(automaton_of(pack)))
    except Exception:  # whatever is wrong with a cache, the rules themselves are at hand
        return None


def _write(path: str, pack: Pack) -> None:
    """Keep *pack* for the next run: beside, then renamed, so that a reader sees the whole file or none."""
    body = marshal.dumps(
        (
            pack.digest,
            pack.engine,
            tuple(zlib.compress(marshal.dumps(_row(rule))) for rule in pack.rules),
            tuple(tuple(a) for a in pack.anchors),
            pack.anchor_rules,
            pack.lengths,
            pack.notes,
            pack.marks,
            pack.scored_indexes,
        )
    )
    if _put(path, FORMAT + zlib.crc32(body).to_bytes(_CHECK) + len(body).to_bytes(_SIZE) + body + pack.dumped):
        _forget_old(os.path.dirname(path))


def _put(path: str, content: bytes) -> bool:
    """Write *content* to *path* whole, if that can be done."""
    beside = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(beside, "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except OSError:
        with suppress(OSError):
            os.unlink(beside)
        return False
    return True


def _forget_old(folder: str, keep: int = 8) -> None:
    """Keep the most recent packs only; each change of a rule makes a new one."""
    for suffix in (".pack", ".stamp"):
        kept = [entry for entry in os.scandir(folder) if entry.name.endswith(suffix)]
        kept.sort(key=lambda entry: -entry.stat().st_mtime)
        for entry in kept[keep:]:
            with suppress(OSError):
                os.unlink(entry.path)
