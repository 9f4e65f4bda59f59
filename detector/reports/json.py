"""json: the whole report as one document, for other programs.

One finding stands on one line, so that grep, diff and a person find their way.
"""

from __future__ import annotations

import json
from typing import TextIO

from detector.model import Scan
from detector.reports._document import lists, one_a_line, preamble
from detector.reports._options import Options

TITLE = "JSON document (leakfirst/findings/1)"
STREAMS = False


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print the document."""
    separator = "{"
    for key, value in preamble(scan, options).items():
        out.write(f"{separator}{json.dumps(key)}: ")
        if isinstance(value, list):
            one_a_line(out, value)
        else:
            out.write(json.dumps(value))
        separator = ",\n "
    for name, items in lists(scan, options):
        out.write(f'{separator}"{name}": ')
        one_a_line(out, items)
    out.write("}\n")
