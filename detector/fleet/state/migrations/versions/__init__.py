"""One file for each version of the schema; the number at the beginning of its name is its revision."""
