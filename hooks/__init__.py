"""What calls us by itself: git hooks, CI, a live finding."""
