"""Compile the inner loops of the history reader where the build can; everything else stands in pyproject.toml.

Without a compiler (or without mypyc) the package installs all the same and runs
the Python source, which gives the same result more slowly.
"""

from __future__ import annotations

from setuptools import Extension, setup

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


setup(ext_modules=extensions())
