"""The scanner. All of it is private: other programs import `leakfirst`."""

__version__ = "0.1.0"
