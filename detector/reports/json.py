"""json: the whole report as one document, for other programs.

Each finding is on a line of its own, for grep and diff.
"""

from __future__ import annotations

import json
from typing import TextIO

from detector.model import Scan
from detector.reports._document import build_lists, build_preamble, write_list
from detector.reports._options import ReportOptions


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print the document."""
    separator = "{"
    for key, value in build_preamble(scan, options).items():
        out.write(f"{separator}{json.dumps(key)}: ")
        if isinstance(value, list):
            write_list(out, value)
        else:
            out.write(json.dumps(value))
        separator = ",\n "
    for name, items in build_lists(scan, options):
        out.write(f'{separator}"{name}": ')
        write_list(out, items)
    out.write("}\n")
