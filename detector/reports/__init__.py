"""One module per output format; the file name is the option value."""
