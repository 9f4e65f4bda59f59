"""Where a new value goes; the file name is the store."""
