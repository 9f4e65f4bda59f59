"""One file for each version of the schema; the number that begins its name is its revision."""
