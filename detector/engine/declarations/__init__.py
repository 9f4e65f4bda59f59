"""Read declarations: a name, an operator and a value, in whatever language they are written.

The text around a place that pass 1 reported is read once. Each module knows one
family of forms and yields exact offsets; nothing here judges whether a value is a
credential. Candidates are many and mostly none; `scoring` decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.engine.declarations.candidate import MAX_VALUE, Candidate
from detector.engine.declarations.command_lines import find_command_line
from detector.engine.declarations.manifests import MANIFEST, find_manifest_values
from detector.engine.declarations.named import find_named
from detector.engine.declarations.servers import find_server_credentials
from detector.engine.declarations.tables import find_columns
from detector.engine.lazy_regex import compile_lazily

__all__ = ["MANIFEST", "MAX_VALUE", "Candidate", "read_declarations"]

_SCHEME = compile_lazily(
    rb"(?:basic|bearer|api-?key|apitoken|token|oauth|jwt|digest|negotiate|ntlm|splunk|genie-?key|key)"
    rb"(?:[ \t]{1,4}|%20)(?=[^\s=\"'`]{6}[^\s\"'`]*\Z)"
)
_SOURCE = compile_lazily(rb"pass:(?=\S)")


def read_declarations(text: bytes, low: bytes, kind: str) -> Iterator[Candidate]:
    """Yield what may be a credential in *text*; *low* is *text* in lower case.

    In a file of *kind* configuration an unquoted value reaches to the next blank, as in .env, INI
    and YAML files; in one of which nothing is known it may or may not.
    """
    for reader in (find_named(text, low, kind), find_columns(text, low)):
        for candidate in reader:
            yield _cut_scheme(candidate, low)
    yield from find_server_credentials(text, low)
    if b"secret" in low or b"stringdata" in low:
        yield from find_manifest_values(text, low)
    for candidate in find_command_line(text, low):
        yield _cut_scheme(candidate, low)


def _cut_scheme(candidate: Candidate, low: bytes) -> Candidate:
    """Return *candidate* without the scheme of a header, or the `pass:` of a tool, that its value begins with."""
    value = low[candidate.start : candidate.end]
    found = (_SOURCE if candidate.way == "flag" else _SCHEME).match(value)
    return candidate._replace(start=candidate.start + found.end()) if found else candidate
