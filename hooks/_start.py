"""What an installed git hook runs: straight to the hook, and out again at once.

The script of the hook starts Python isolated and without `site` (no user
folders, no .pth files, nothing of the environment or of the repository is
imported) and names the folders to import from itself.
"""

from __future__ import annotations

import gc
import os
import sys


def run(name: str, arguments: list[str]) -> None:
    """Run the hook called *name* and leave the process with its answer."""
    gc.disable()  # a hook lives for some milliseconds
    from detector.__main__ import main

    try:
        code = main(["hook", "run", name, *arguments])
    except Exception as bug:
        from detector.cli._bug_report import describe

        print(describe(bug), file=sys.stderr)
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tearing down modules and automata is work for nothing
