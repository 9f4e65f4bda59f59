"""Secrets of Kubernetes: every value of the manifest is one, whatever its key is called.

A key that names a credential is read like any other declaration. Under an opaque key (`alpha`, `tls-bundle`) only a
value that looks random counts, because user names and addresses stand in the same mapping.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from detector.engine.declarations.candidate import Candidate
from detector.engine.lazy_regex import compile_lazily

MANIFEST = compile_lazily(rb"kind[\"']?:[ \t]*[\"']?secret\b|stringdata[\"']?:")
"""What the lines of such a manifest hold, in lower case."""

_MAPPING = compile_lazily(rb"(?:^|\n)([ \t]*)(stringdata|data):[ \t]*(?:#[^\n]{0,80})?\r?\n")
_ROW = compile_lazily(
    rb"([ \t]+)[\"']?([\w.\-/]{1,80})[\"']?:[ \t]+(?:[|>][\-+]?[ \t]*\r?\n[ \t]+)?"  # 1 indent, 2 key
    rb"([\"']?)([^\s\"'#{}|>!&*][^\s\"']{7,400})\3[ \t]*(?:#[^\n]{0,80})?\r?(?:\n|\Z)"  # 3 quote, 4 value
)
_SKIPPED = compile_lazily(rb"[ \t]*(?:#[^\n]*)?\r?\n|[ \t]+[^\n]*\n")
_KNOWN = compile_lazily(rb"pass|pwd|secret|token|key|cred|auth")
_RANDOM = compile_lazily(rb"(?=[^\d\s]*\d)(?=[^A-Za-z\s]*[A-Za-z])[\w+/=\-!@#$%^&*~?]{12,200}\Z")
_WORDLIKE = compile_lazily(
    rb"[a-z]+(?:[\-_.][a-z0-9]+)*\d{0,4}\Z|[\w.\-]+@[\w.\-]+\Z|(?:\d{1,3}\.){3}\d{1,3}|v?\d+(?:\.\d+)+"
)


def find_manifest_values(text: bytes, low: bytes) -> Iterator[Candidate]:
    """Yield the values under opaque keys in the Secrets of *text*; *low* is *text* in lower case."""
    if not MANIFEST.search(low):
        return
    for mapping in _MAPPING.finditer(low):
        indent, encoded = len(mapping[1]), mapping[2] == b"data"
        at = mapping.end()
        while row := _ROW.match(text, at) or _SKIPPED.match(text, at):
            at = row.end()
            if (
                row.re.groups
                and len(row[1]) > indent
                and not _KNOWN.search(row[2].lower())
                and _looks_random(row[4], encoded)
            ):
                start, end = row.span(4)
                yield Candidate("pair", b"secret", row.start(2), start, end, b":", row[3])
            if at >= len(text):
                return


def _looks_random(value: bytes, encoded: bool) -> bool:
    if encoded:
        try:
            value = binascii.a2b_base64(value, strict_mode=True).strip()
        except binascii.Error:
            return False
    return bool(_RANDOM.match(value)) and not _WORDLIKE.match(value)
