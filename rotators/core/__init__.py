"""Plan, approve, execute with a journal, undo."""
