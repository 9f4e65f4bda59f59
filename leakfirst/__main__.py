"""Run the program: ``python -m leakfirst`` is the command ``leakfirst``."""

from leakfirst._start import run

if __name__ == "__main__":
    run()
