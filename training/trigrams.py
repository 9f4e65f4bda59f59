"""Count the trigrams of natural text over the Python standard library and write `trigrams.py`.

    python -m training.trigrams

The source is the running interpreter's own standard library (PSF licence, no
third-party packages, no tests); the written file contains its version and hash.
"""

from __future__ import annotations

import base64
import hashlib
import math
import platform
import re
import sysconfig
import zlib
from pathlib import Path

from detector.engine.scoring.naturalness import STEPS, SYMBOLS

OUT = Path(__file__).parents[1] / "detector/engine/scoring/trigrams.py"
SKIP = {"site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3", "encodings", "pydoc_data"}
_CODE = {**{chr(97 + i): i for i in range(26)}, **{str(d): 26 for d in range(10)}}


def main() -> None:
    """Count the trigrams and write the table."""
    counts = [0.02] * SYMBOLS**3
    digest = hashlib.sha256()
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        if SKIP & set(path.relative_to(root).parts):
            continue
        text = path.read_bytes()
        digest.update(hashlib.sha256(text).digest())
        # the parts of an identifier count like words of prose
        for word in re.findall(r"[A-Za-z0-9]+", text.decode("utf8", "replace")):
            coded = [27, 27, *(_CODE[c] for c in word.lower()), 27]
            for a, b, c in zip(coded, coded[1:], coded[2:], strict=False):
                counts[(a * SYMBOLS + b) * SYMBOLS + c] += 1
    table = bytearray()
    for start in range(0, len(counts), SYMBOLS):
        total = sum(counts[start : start + SYMBOLS])
        table += bytes(min(255, round(-math.log2(n / total) * STEPS)) for n in counts[start : start + SYMBOLS])
    text = base64.b85encode(zlib.compress(bytes(table), 9)).decode()
    lines = "\n".join(f'    "{text[i : i + 100]}"' for i in range(0, len(text), 100))
    OUT.write_text(
        '"""Trigram costs in sixteenths of a bit; written by `training/trigrams.py`, not by hand.\n\n'
        f"Counted over the standard library of Python {platform.python_version()} (PSF licence);\n"
        f'SHA-256 of its files: {digest.hexdigest()[:32]}\n"""\n\nTABLE = (\n{lines}\n)\n'
    )


if __name__ == "__main__":
    main()
