"""Compile the inner loops and the shipped rules where the build can; everything else stands in pyproject.toml.

Without a compiler (or without mypyc) the package installs all the same and runs
the Python source, which gives the same result more slowly. Without the libraries of
the rules it has no ready pack, and compiles the rules when they are first used.
"""

from __future__ import annotations

import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

COMPILED = [
    "detector/engine/stored.py",
    "detector/git/deltas.py",
    "detector/git/pack_walker.py",
    "detector/engine/delta_reuse.py",
    "detector/scan/batching.py",
]


def extensions() -> list[Extension]:
    try:
        from mypyc.build import mypycify

        found = mypycify(
            ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports", *COMPILED],
            opt_level="3",
            debug_level="0",
        )
    except (Exception, SystemExit) as problem:
        print(f"the inner loops stay interpreted: {problem!r}")
        return []
    for extension in found:
        extension.optional = True
    return list(found)


MAKE_PACK = """
import sys
sys.path.insert(0, sys.argv[1])
from detector.rules.pack import store_ready_pack
sys.exit(not store_ready_pack())
"""


class BuildWithPack(build_py):
    """Copies the packages, and adds the ready pack of the rules to the copy: never to a checkout."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            made = subprocess.run([sys.executable, "-B", "-c", MAKE_PACK, self.build_lib], check=False)
            if made.returncode:
                print("there is no ready pack: the rules are compiled when they are first used")


setup(ext_modules=extensions(), cmdclass={"build_py": BuildWithPack})
