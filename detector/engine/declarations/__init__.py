"""Read declarations: a name, an operator and a value, in whatever language they are written.

The text around a place that pass 1 reported is read once. Each module knows one
family of forms and yields exact offsets; nothing here judges whether a value is a
credential. Candidates are many and mostly none; `scoring` decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.engine.declarations.candidate import MAX_VALUE, Candidate
from detector.engine.declarations.command_lines import find_command_line
from detector.engine.declarations.named import find_named
from detector.engine.declarations.servers import find_server_credentials
from detector.engine.declarations.tables import find_columns

__all__ = ["MAX_VALUE", "Candidate", "read_declarations"]


def read_declarations(text: bytes, low: bytes, kind: str) -> Iterator[Candidate]:
    """Yield what may be a credential in *text*; *low* is *text* in lower case.

    In a file of *kind* configuration an unquoted value reaches to the next blank, as in .env, INI
    and YAML files; in one of which nothing is known it may or may not.
    """
    yield from find_named(text, low, kind)
    yield from find_columns(text, low)
    yield from find_server_credentials(text, low)
    yield from find_command_line(text, low)
