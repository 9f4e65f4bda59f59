"""Tests of what calls us by itself."""
