"""``python -m detector`` is the same program as ``leakfirst``."""

import os
import sys

if __name__ == "__main__":
    # The current directory may hold another `leakfirst`: take the one beside this package.
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path.insert(0, home)
    from leakfirst._start import run

    sys.path.remove(home)
    run()
