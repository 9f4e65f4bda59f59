"""The engine: pure functions from bytes to hits."""
